//! The binary protocol: frames of 24 bytes and a body, in and out.
//!
//! Frames become requests of the same batches as lines of text do, so their keys are hashed
//! and fetched together; values that are still arriving are received in the same way.
//!
//! | file     | holds                                                              |
//! |----------|--------------------------------------------------------------------|
//! | `fault`  | what the store refuses, as errors                                  |
//! | `run`    | carrying them out                                                  |
//! | `stat`   | statistics, a frame each                                           |
//! | `sasl`   | logging in                                                         |

#![forbid(unsafe_code)]

mod fault;
mod run;
mod sasl;
mod stat;

pub use run::put_stored;
