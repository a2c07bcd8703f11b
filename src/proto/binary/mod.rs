//! The binary protocol: frames of 24 bytes and a body, in and out.
//!
//! Frames become operations of the same batches as lines of text do, so their keys are hashed
//! and fetched together; values that are still arriving are received in the same way.
//!
//! | file     | holds                                                              |
//! |----------|--------------------------------------------------------------------|
//! | `header` | the 24 bytes of a request; what every reply is made of             |
//! | `opcode` | the table of opcodes                                               |
//! | `fault`  | the table of errors                                                |
//! | `parse`  | frames to operations                                               |
//! | `run`    | carrying them out                                                  |
//! | `stat`   | statistics, a frame each                                           |
//! | `sasl`   | logging in                                                         |

#![forbid(unsafe_code)]

mod fault;
mod header;
mod opcode;
mod parse;
mod run;
mod sasl;
mod stat;

pub use fault::Fault;
pub use header::{Echo, Frame, MAGIC, echo_at};
pub use opcode::Verb;
pub use parse::parse;
pub use run::put_stored;
pub use sasl::Login;
