//! PromQL, taken apart.
