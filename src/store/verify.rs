//! The invariant walk.
