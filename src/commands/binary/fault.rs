//! What the store refuses, as errors of the binary protocol.

#![forbid(unsafe_code)]

use crate::store::{AllocError, ChangeError};
use crate::wire::frame::fault::Fault;

impl From<AllocError> for Fault {
    fn from(refused: AllocError) -> Fault {
        match refused {
            AllocError::TooLarge => Fault::TooLarge,
            AllocError::NoMemory => Fault::NoMemory,
            AllocError::NoMemoryInside => Fault::NoMemoryReading,
        }
    }
}

impl From<ChangeError> for Fault {
    fn from(why: ChangeError) -> Fault {
        match why {
            ChangeError::NotFound => Fault::NotFound,
            ChangeError::Exists => Fault::Exists,
            ChangeError::NotNumeric => Fault::NotNumeric,
            ChangeError::NoMemory => Fault::NoMemoryToChange,
            ChangeError::NoMemoryForNew => Fault::NoMemoryForNew,
        }
    }
}
