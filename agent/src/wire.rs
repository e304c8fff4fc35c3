//! What `proto/agent.proto` generates.
#![expect(clippy::allow_attributes, reason = "generated code")]

tonic::include_proto!("squall.agent.v1");
