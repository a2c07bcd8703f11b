//! The binary protocol: frames of 24 bytes and a body, in and out.

#![forbid(unsafe_code)]

pub mod fault;
pub mod header;
pub mod login;
pub mod opcode;
pub mod parse;
