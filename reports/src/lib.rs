//! A recorded run in, reports out.
#![forbid(unsafe_code)]
