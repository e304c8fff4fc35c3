//! Numbers of linux/netfilter/nf_tables.h and linux/netfilter/nfnetlink.h, by their names there.

/// `NFNL_SUBSYS_NFTABLES`: the high byte of every message type.
pub const SUBSYSTEM: u16 = 10 << 8;
/// `NFNL_MSG_BATCH_BEGIN`.
pub const BATCH_BEGIN: u16 = 0x10;
/// `NFNL_MSG_BATCH_END`.
pub const BATCH_END: u16 = 0x11;

/// `enum nf_tables_msg_types`.
pub mod message {
    pub const NEW_TABLE: u16 = 0;
    pub const GET_TABLE: u16 = 1;
    pub const DELETE_TABLE: u16 = 2;
    pub const NEW_CHAIN: u16 = 3;
    pub const GET_CHAIN: u16 = 4;
    pub const NEW_RULE: u16 = 6;
    pub const GET_RULE: u16 = 7;
    pub const NEW_SET: u16 = 9;
    pub const GET_SET: u16 = 10;
    pub const NEW_ELEMENTS: u16 = 12;
    pub const DELETE_ELEMENTS: u16 = 14;
    pub const NEW_OBJECT: u16 = 18;
    pub const GET_OBJECT: u16 = 19;
}
/// `enum nft_table_attributes`.
pub mod table {
    pub const NAME: u16 = 1;
    pub const FLAGS: u16 = 2;
    /// `NFT_TABLE_F_OWNER`: only the socket that made it may change it, and it ends with that socket (5.12).
    pub const FLAG_OWNER: u32 = 2;
}
/// `enum nft_chain_attributes` and `enum nft_hook_attributes`.
pub mod chain {
    pub const TABLE: u16 = 1;
    pub const NAME: u16 = 3;
    pub const HOOK: u16 = 4;
    pub const POLICY: u16 = 5;
    pub const TYPE: u16 = 7;
    pub const HOOK_NUMBER: u16 = 1;
    pub const HOOK_PRIORITY: u16 = 2;
    pub const HOOK_DEVICES: u16 = 4;
    /// `NFTA_DEVICE_NAME`.
    pub const DEVICE_NAME: u16 = 1;
}
/// `enum nft_rule_attributes`.
pub mod rule {
    pub const TABLE: u16 = 1;
    pub const CHAIN: u16 = 2;
    pub const EXPRESSIONS: u16 = 4;
}
/// `enum nft_list_attributes`.
pub const LIST_ELEMENT: u16 = 1;
/// `enum nft_set_attributes`, `enum nft_set_flags`.
pub mod set {
    pub const TABLE: u16 = 1;
    pub const NAME: u16 = 2;
    pub const FLAGS: u16 = 3;
    pub const KEY_TYPE: u16 = 4;
    pub const KEY_LENGTH: u16 = 5;
    pub const ID: u16 = 10;
    pub const FLAG_INTERVAL: u32 = 0x4;
    pub const FLAG_TIMEOUT: u32 = 0x10;
}
/// `enum nft_set_elem_list_attributes`, `enum nft_set_elem_attributes`.
pub mod element {
    pub const LIST_TABLE: u16 = 1;
    pub const LIST_SET: u16 = 2;
    pub const LIST_ELEMENTS: u16 = 3;
    pub const KEY: u16 = 1;
    pub const FLAGS: u16 = 3;
    pub const TIMEOUT: u16 = 4;
    /// `NFT_SET_ELEM_INTERVAL_END`.
    pub const FLAG_INTERVAL_END: u32 = 1;
}
/// `enum nft_object_attributes`, `enum nft_counter_attributes`.
pub mod object {
    pub const TABLE: u16 = 1;
    pub const NAME: u16 = 2;
    pub const TYPE: u16 = 3;
    pub const DATA: u16 = 4;
    /// `NFT_OBJECT_COUNTER`.
    pub const TYPE_COUNTER: u32 = 1;
    pub const COUNTER_BYTES: u16 = 1;
    pub const COUNTER_PACKETS: u16 = 2;
}
/// `enum nft_expr_attributes`.
pub mod expression {
    pub const NAME: u16 = 1;
    pub const DATA: u16 = 2;
}
/// `enum nft_data_attributes`, `enum nft_verdict_attributes`.
pub mod data {
    pub const VALUE: u16 = 1;
    pub const VERDICT: u16 = 2;
    pub const VERDICT_CODE: u16 = 1;
    pub const VERDICT_CHAIN: u16 = 2;
}
/// `enum nft_registers`.
pub mod register {
    /// Where verdicts go.
    pub const VERDICT: u32 = 0;
    /// The first 16 byte register: the only one faults need.
    pub const ONE: u32 = 1;
}
/// The attributes of each expression: `enum nft_{meta,payload,cmp,...}_attributes`.
pub mod attribute {
    pub const META_REGISTER: u16 = 1;
    pub const META_KEY: u16 = 2;
    pub const PAYLOAD_REGISTER: u16 = 1;
    pub const PAYLOAD_BASE: u16 = 2;
    pub const PAYLOAD_OFFSET: u16 = 3;
    pub const PAYLOAD_LENGTH: u16 = 4;
    pub const COMPARE_REGISTER: u16 = 1;
    pub const COMPARE_OPERATION: u16 = 2;
    pub const COMPARE_DATA: u16 = 3;
    pub const IMMEDIATE_REGISTER: u16 = 1;
    pub const IMMEDIATE_DATA: u16 = 2;
    pub const LOOKUP_SET: u16 = 1;
    pub const LOOKUP_REGISTER: u16 = 2;
    pub const LOOKUP_FLAGS: u16 = 5;
    /// `NFT_LOOKUP_F_INV`.
    pub const LOOKUP_FLAG_INVERT: u32 = 1;
    pub const RANDOM_REGISTER: u16 = 1;
    pub const RANDOM_MODULUS: u16 = 2;
    pub const RANDOM_TYPE: u16 = 3;
    /// `NFT_NG_RANDOM`.
    pub const RANDOM_TYPE_RANDOM: u32 = 1;
    pub const BYTEORDER_SOURCE: u16 = 1;
    pub const BYTEORDER_DESTINATION: u16 = 2;
    pub const BYTEORDER_OPERATION: u16 = 3;
    pub const BYTEORDER_LENGTH: u16 = 4;
    pub const BYTEORDER_SIZE: u16 = 5;
    /// `NFT_BYTEORDER_HTON`.
    pub const BYTEORDER_TO_NETWORK: u32 = 1;
    pub const OBJECT_TYPE: u16 = 1;
    pub const OBJECT_NAME: u16 = 2;
    pub const FORWARD_DEVICE_REGISTER: u16 = 1;
    pub const QUEUE_NUMBER: u16 = 1;
    pub const QUEUE_TOTAL: u16 = 2;
    pub const QUEUE_FLAGS: u16 = 3;
    /// `NFT_QUEUE_FLAG_BYPASS`, and `NFQ_FLAG_BYPASS` of the xtables target: accept where nobody reads.
    pub const QUEUE_FLAG_BYPASS: u16 = 1;
    pub const TARGET_NAME: u16 = 1;
    pub const TARGET_REVISION: u16 = 2;
    pub const TARGET_INFO: u16 = 3;
}
