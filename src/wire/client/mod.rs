//! The other side of the wire: requests to bytes, and bytes to pieces of replies. No state: what has
//! been asked for is the caller's business.
//!
//! A reply is taken from the front of the bytes that have arrived, as one or several pieces.
//! If a piece is not there yet as a whole nothing is taken, so it does not matter where the
//! stream was cut.
//!
//! What looks at the front is inlined into the loop that takes pieces: a piece that went
//! through memory cost a fifth of a load generator's own time.

#![forbid(unsafe_code)]

mod binary;
mod meta;
mod piece;
mod protocol;
mod text;

pub use binary::{sasl_plain, stats as binary_stats};
pub use piece::{Front, Piece, Which};
pub use protocol::ClientProtocol;
