//! Netlink messages: a fixed header, then attributes, some of which nest.
//!
//! Layouts: linux/netlink.h (`struct nlmsghdr`, `struct nlattr`). Everything is padded to four bytes.
//! Lengths of attributes are 16 bits: whoever sends long lists splits them over several messages.

/// `NLM_F_*` of a request, linux/netlink.h.
pub mod flags {
    /// `NLM_F_REQUEST`: every request has it.
    pub const REQUEST: u16 = 0x001;
    /// `NLM_F_ACK`: answer even when all went well.
    pub const ACKNOWLEDGE: u16 = 0x004;
    /// `NLM_F_DUMP_INTR`: the list changed while it was told; ask again.
    pub const DUMP_INTERRUPTED: u16 = 0x010;
    /// `NLM_F_ROOT | NLM_F_MATCH`: tell all of them.
    pub const DUMP: u16 = 0x300;
    /// `NLM_F_EXCL`: fail if it exists.
    pub const EXCLUSIVE: u16 = 0x200;
    /// `NLM_F_CREATE`: make it.
    pub const CREATE: u16 = 0x400;
    /// `NLM_F_APPEND`: behind what is there.
    pub const APPEND: u16 = 0x800;
}

/// `NLA_F_NESTED`: this attribute holds attributes.
const NESTED: u16 = 0x8000;
/// `NLA_TYPE_MASK`: the type without its flags.
const TYPE_MASK: u16 = 0x3fff;
/// `sizeof(struct nlmsghdr)`.
pub(crate) const HEADER_LENGTH: usize = 16;

/// One message to the kernel, being written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    bytes: Vec<u8>,
}

impl Message {
    /// Begins a message: its type, its flags beside `NLM_F_REQUEST`, and the fixed header of its family.
    pub fn new(kind: u16, flags: u16, family_header: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(128);
        bytes.extend([0; 4]); // nlmsg_len, set in `finish`
        bytes.extend(kind.to_ne_bytes());
        bytes.extend((flags | self::flags::REQUEST).to_ne_bytes());
        bytes.extend([0; 8]); // nlmsg_seq, set in `finish`; nlmsg_pid 0: the kernel fills it
        bytes.extend(family_header);
        let mut message = Self { bytes };
        message.pad();
        message
    }

    /// Adds raw bytes.
    pub fn bytes(&mut self, attribute: u16, value: &[u8]) -> &mut Self {
        let length = u16::try_from(value.len() + 4).expect("callers split lists before 64 KiB");
        self.bytes.extend(length.to_ne_bytes());
        self.bytes.extend(attribute.to_ne_bytes());
        self.bytes.extend(value);
        self.pad();
        self
    }

    /// Adds a text, with the zero byte that the kernel wants at its end.
    pub fn text(&mut self, attribute: u16, value: &str) -> &mut Self {
        let mut bytes = value.as_bytes().to_vec();
        bytes.push(0);
        self.bytes(attribute, &bytes)
    }

    /// Adds 16 bits in network order.
    pub fn be16(&mut self, attribute: u16, value: u16) -> &mut Self {
        self.bytes(attribute, &value.to_be_bytes())
    }

    /// Adds 32 bits in network order, as netfilter wants all its numbers.
    pub fn be32(&mut self, attribute: u16, value: u32) -> &mut Self {
        self.bytes(attribute, &value.to_be_bytes())
    }

    /// Adds 64 bits in network order.
    pub fn be64(&mut self, attribute: u16, value: u64) -> &mut Self {
        self.bytes(attribute, &value.to_be_bytes())
    }

    /// Adds an attribute that holds those which `inner` adds.
    pub fn nest(&mut self, attribute: u16, inner: impl FnOnce(&mut Self)) -> &mut Self {
        let start = self.bytes.len();
        self.bytes.extend([0; 2]);
        self.bytes.extend((attribute | NESTED).to_ne_bytes());
        inner(self);
        let length = u16::try_from(self.bytes.len() - start).expect("callers split lists before 64 KiB");
        self.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        self
    }

    /// Adds an attribute that holds one other.
    pub fn nest_bytes(&mut self, outer: u16, inner: u16, value: &[u8]) -> &mut Self {
        self.nest(outer, |message| {
            message.bytes(inner, value);
        })
    }

    /// Asks for an answer even when all went well.
    pub(crate) fn acknowledge(&mut self) {
        let flags = u16::from_ne_bytes([self.bytes[6], self.bytes[7]]) | flags::ACKNOWLEDGE;
        self.bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
    }

    /// The finished message, numbered so that its answer is found.
    pub(crate) fn finish(mut self, sequence: u32) -> Vec<u8> {
        let length = u32::try_from(self.bytes.len()).expect("attributes are at most 64 KiB each");
        self.bytes[0..4].copy_from_slice(&length.to_ne_bytes());
        self.bytes[8..12].copy_from_slice(&sequence.to_ne_bytes());
        self.bytes
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

/// One message from the kernel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Received<'a> {
    /// `nlmsg_type`.
    pub kind: u16,
    /// `nlmsg_flags`.
    pub flags: u16,
    /// `nlmsg_seq`: which request it answers.
    pub sequence: u32,
    /// What follows the header.
    pub payload: &'a [u8],
}

/// The messages of one datagram, in order; ends at the first that is cut short.
pub(crate) fn messages(mut datagram: &[u8]) -> impl Iterator<Item = Received<'_>> {
    std::iter::from_fn(move || {
        let header: &[u8; HEADER_LENGTH] = datagram.first_chunk()?;
        let length = usize::try_from(u32_at(header, 0)).ok()?;
        let payload = datagram.get(HEADER_LENGTH..length)?;
        let received =
            Received { kind: u16_at(header, 4), flags: u16_at(header, 6), sequence: u32_at(header, 8), payload };
        datagram = datagram.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(received)
    })
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// An attribute from the kernel.
#[derive(Debug, Clone, Copy)]
pub struct Attribute<'a> {
    /// Its type, flags taken off.
    pub kind: u16,
    /// Its value.
    pub value: &'a [u8],
}

impl<'a> Attribute<'a> {
    /// The attributes inside it.
    pub fn nested(&self) -> Attributes<'a> {
        Attributes(self.value)
    }

    /// A text, without the zero byte at its end.
    pub fn text(&self) -> String {
        let end = self.value.iter().position(|&byte| byte == 0).unwrap_or(self.value.len());
        String::from_utf8_lossy(&self.value[..end]).into_owned()
    }

    /// 32 bits in network order.
    pub fn be32(&self) -> Option<u32> {
        self.value.first_chunk().copied().map(u32::from_be_bytes)
    }

    /// 64 bits in network order.
    pub fn be64(&self) -> Option<u64> {
        self.value.first_chunk().copied().map(u64::from_be_bytes)
    }

    /// 32 bits in the machine's order.
    pub fn ne32(&self) -> Option<u32> {
        self.value.first_chunk().copied().map(u32::from_ne_bytes)
    }
}

/// Attributes from the kernel, in order.
#[derive(Debug, Clone, Copy)]
pub struct Attributes<'a>(&'a [u8]);

impl<'a> Attributes<'a> {
    /// Those after a family's fixed header of this length.
    pub fn after(payload: &'a [u8], family_header: usize) -> Self {
        Self(payload.get(family_header..).unwrap_or_default())
    }

    /// The first of this type.
    pub fn get(mut self, kind: u16) -> Option<Attribute<'a>> {
        self.find(|attribute| attribute.kind == kind)
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        let header: &[u8; 4] = self.0.first_chunk()?;
        let length = usize::from(u16_at(header, 0));
        let attribute = Attribute { kind: u16_at(header, 2) & TYPE_MASK, value: self.0.get(4..length)? };
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(attribute)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let mut message = Message::new(7, flags::CREATE, &[1, 2]);
        message.text(1, "eth0").be32(2, 5).nest(3, |inner| {
            inner.be64(4, 6).be16(5, 7);
        });
        message.acknowledge();
        let bytes = message.finish(9);
        let read: Vec<_> = messages(&bytes).collect();
        assert_eq!(read.len(), 1);
        assert_eq!((read[0].kind, read[0].sequence), (7, 9));
        assert_eq!(read[0].flags, flags::CREATE | flags::REQUEST | flags::ACKNOWLEDGE);
        let attributes = Attributes::after(read[0].payload, 4);
        assert_eq!(attributes.get(1).unwrap().text(), "eth0");
        assert_eq!(attributes.get(2).unwrap().be32(), Some(5));
        let inner = attributes.get(3).unwrap().nested();
        assert_eq!(inner.get(4).unwrap().be64(), Some(6));
        assert_eq!(inner.get(5).unwrap().value, [0, 7]);
    }

    #[test]
    fn what_is_cut_short_ends_the_reading() {
        let mut message = Message::new(7, 0, &[]);
        message.text(1, "eth0");
        let bytes = message.finish(1);
        for length in 0..bytes.len() {
            assert_eq!(messages(&bytes[..length]).count(), 0);
        }
        assert_eq!(Attributes(&[3, 0, 1, 0]).count(), 0, "a length shorter than its own header");
    }
}
