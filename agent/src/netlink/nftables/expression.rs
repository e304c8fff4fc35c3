//! What a rule does with a packet, one expression after another.

use super::uapi::{attribute, data, expression, object, register};
use crate::netlink::Message;
use nix::libc;

/// One step of a rule. Loads go to register one; a comparison that is false ends the rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// Load something known about the packet.
    LoadMeta(Meta),
    /// Load bytes of a header. A packet without it (a fragment's transport header) ends the rule.
    LoadHeader {
        /// Which header.
        base: HeaderBase,
        /// From here.
        offset: u32,
        /// So many bytes.
        length: u32,
    },
    /// Load a constant.
    LoadConstant(Vec<u8>),
    /// Load a random number below `modulus`, in network order.
    LoadRandom {
        /// The bound.
        modulus: u32,
    },
    /// Go on if what is loaded compares like this.
    Compare(Comparison, Vec<u8>),
    /// Go on if what is loaded is in the set.
    InSet(&'static str),
    /// Go on if what is loaded is not in the set.
    NotInSet(&'static str),
    /// Count the packet in a named counter.
    Count(&'static str),
    /// Decide.
    Verdict(Verdict),
    /// Send the packet to interface 0, which never exists: the kernel frees it and its sender learns nothing
    /// (`CONFIG_NFT_FWD_NETDEV`). Only in the family `netdev`.
    Swallow,
    /// Hand the packet to the reader of a queue, or accept it where nobody reads (`CONFIG_NFT_QUEUE`).
    Queue(u16),
    /// The same by the xtables target `NFQUEUE` (`CONFIG_NFT_COMPAT`), for kernels without the former.
    QueueByTarget(u16),
}

/// `enum nft_meta_keys`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meta {
    /// `NFT_META_PROTOCOL`: the Ethernet type, in network order.
    Protocol,
    /// `NFT_META_L4PROTO`: the transport protocol, IPv6's extension headers skipped.
    Transport,
    /// `NFT_META_IIFTYPE`: what kind of interface it came in by (`ARPHRD_*`), in the machine's order.
    InputInterfaceType,
}

impl Meta {
    fn number(self) -> u32 {
        let number = match self {
            Self::Protocol => libc::NFT_META_PROTOCOL,
            Self::Transport => libc::NFT_META_L4PROTO,
            Self::InputInterfaceType => libc::NFT_META_IIFTYPE,
        };
        u32::try_from(number).expect("keys are small numbers")
    }
}

/// `enum nft_payload_bases`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderBase {
    /// `NFT_PAYLOAD_NETWORK_HEADER`: IPv4 or IPv6.
    Network,
    /// `NFT_PAYLOAD_TRANSPORT_HEADER`: TCP, UDP, ICMP.
    Transport,
}

impl HeaderBase {
    fn number(self) -> u32 {
        let number = match self {
            Self::Network => libc::NFT_PAYLOAD_NETWORK_HEADER,
            Self::Transport => libc::NFT_PAYLOAD_TRANSPORT_HEADER,
        };
        u32::try_from(number).expect("bases are small numbers")
    }
}

/// `enum nft_cmp_ops`. Bytes compare from the first, so numbers stand in network order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `NFT_CMP_EQ`.
    Equal,
    /// `NFT_CMP_LT`.
    Less,
    /// `NFT_CMP_LTE`.
    AtMost,
    /// `NFT_CMP_GTE`.
    AtLeast,
}

impl Comparison {
    fn number(self) -> u32 {
        let number = match self {
            Self::Equal => libc::NFT_CMP_EQ,
            Self::Less => libc::NFT_CMP_LT,
            Self::AtMost => libc::NFT_CMP_LTE,
            Self::AtLeast => libc::NFT_CMP_GTE,
        };
        u32::try_from(number).expect("operations are small numbers")
    }
}

/// What becomes of the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// `NF_ACCEPT`: done with this base chain; those of others at the same place still decide.
    Accept,
    /// `NF_DROP`.
    Drop,
    /// `NFT_GOTO`: go on in that chain and do not come back.
    Goto(&'static str),
}

impl Expression {
    /// Writes it as an entry of `NFTA_RULE_EXPRESSIONS`.
    pub(super) fn write(&self, message: &mut Message) {
        match self {
            Self::LoadMeta(meta) => entry(message, "meta", |message| {
                message.be32(attribute::META_REGISTER, register::ONE).be32(attribute::META_KEY, meta.number());
            }),
            Self::LoadHeader { base, offset, length } => entry(message, "payload", |message| {
                message
                    .be32(attribute::PAYLOAD_REGISTER, register::ONE)
                    .be32(attribute::PAYLOAD_BASE, base.number())
                    .be32(attribute::PAYLOAD_OFFSET, *offset)
                    .be32(attribute::PAYLOAD_LENGTH, *length);
            }),
            Self::LoadConstant(constant) => entry(message, "immediate", |message| {
                message.be32(attribute::IMMEDIATE_REGISTER, register::ONE);
                message.nest_bytes(attribute::IMMEDIATE_DATA, data::VALUE, constant);
            }),
            Self::LoadRandom { modulus } => random(message, *modulus),
            Self::Compare(comparison, value) => entry(message, "cmp", |message| {
                message
                    .be32(attribute::COMPARE_REGISTER, register::ONE)
                    .be32(attribute::COMPARE_OPERATION, comparison.number())
                    .nest_bytes(attribute::COMPARE_DATA, data::VALUE, value);
            }),
            Self::InSet(set) => lookup(message, set, 0),
            Self::NotInSet(set) => lookup(message, set, attribute::LOOKUP_FLAG_INVERT),
            Self::Count(counter) => entry(message, "objref", |message| {
                message.be32(attribute::OBJECT_TYPE, object::TYPE_COUNTER).text(attribute::OBJECT_NAME, counter);
            }),
            Self::Verdict(verdict) => decide(message, *verdict),
            Self::Swallow => {
                Self::LoadConstant(0u32.to_ne_bytes().to_vec()).write(message);
                entry(message, "fwd", |message| {
                    message.be32(attribute::FORWARD_DEVICE_REGISTER, register::ONE);
                });
            }
            Self::Queue(number) => entry(message, "queue", |message| {
                message
                    .be16(attribute::QUEUE_NUMBER, *number)
                    .be16(attribute::QUEUE_TOTAL, 1)
                    .be16(attribute::QUEUE_FLAGS, attribute::QUEUE_FLAG_BYPASS);
            }),
            Self::QueueByTarget(number) => entry(message, "target", |message| {
                // struct xt_NFQ_info_v3 of linux/netfilter/xt_NFQUEUE.h, machine order, padded to eight.
                let mut info = [0; 8];
                info[0..2].copy_from_slice(&number.to_ne_bytes());
                info[2..4].copy_from_slice(&1u16.to_ne_bytes());
                info[4..6].copy_from_slice(&attribute::QUEUE_FLAG_BYPASS.to_ne_bytes());
                message
                    .text(attribute::TARGET_NAME, "NFQUEUE")
                    .be32(attribute::TARGET_REVISION, 3)
                    .bytes(attribute::TARGET_INFO, &info);
            }),
        }
    }
}

fn entry(message: &mut Message, name: &str, inner: impl FnOnce(&mut Message)) {
    message.nest(super::uapi::LIST_ELEMENT, |message| {
        message.text(expression::NAME, name).nest(expression::DATA, inner);
    });
}

fn lookup(message: &mut Message, set: &str, flags: u32) {
    entry(message, "lookup", |message| {
        message
            .text(attribute::LOOKUP_SET, set)
            .be32(attribute::LOOKUP_REGISTER, register::ONE)
            .be32(attribute::LOOKUP_FLAGS, flags);
    });
}

fn random(message: &mut Message, modulus: u32) {
    entry(message, "numgen", |message| {
        message
            .be32(attribute::RANDOM_REGISTER, register::ONE)
            .be32(attribute::RANDOM_MODULUS, modulus)
            .be32(attribute::RANDOM_TYPE, attribute::RANDOM_TYPE_RANDOM);
    });
    // The generator writes the machine's order, comparisons go byte by byte from the first.
    entry(message, "byteorder", |message| {
        message
            .be32(attribute::BYTEORDER_SOURCE, register::ONE)
            .be32(attribute::BYTEORDER_DESTINATION, register::ONE)
            .be32(attribute::BYTEORDER_OPERATION, attribute::BYTEORDER_TO_NETWORK)
            .be32(attribute::BYTEORDER_LENGTH, 4)
            .be32(attribute::BYTEORDER_SIZE, 4);
    });
}

fn decide(message: &mut Message, verdict: Verdict) {
    let (code, chain) = match verdict {
        Verdict::Accept => (libc::NF_ACCEPT, None),
        Verdict::Drop => (libc::NF_DROP, None),
        Verdict::Goto(chain) => (libc::NFT_GOTO, Some(chain)),
    };
    entry(message, "immediate", |message| {
        message.be32(attribute::IMMEDIATE_REGISTER, register::VERDICT).nest(attribute::IMMEDIATE_DATA, |message| {
            message.nest(data::VERDICT, |message| {
                message.bytes(data::VERDICT_CODE, &code.to_be_bytes());
                if let Some(chain) = chain {
                    message.text(data::VERDICT_CHAIN, chain);
                }
            });
        });
    });
}
