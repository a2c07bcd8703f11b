//! What the store refuses, as errors of the binary protocol.

#![forbid(unsafe_code)]

use crate::store::{NoChange, Refused};
use crate::wire::frame::fault::Fault;

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Fault {
        match refused {
            Refused::TooLarge => Fault::TooLarge,
            Refused::NoMemory => Fault::NoMemory,
            Refused::NoMemoryInside => Fault::NoMemoryReading,
        }
    }
}

impl From<NoChange> for Fault {
    fn from(why: NoChange) -> Fault {
        match why {
            NoChange::NotFound => Fault::NotFound,
            NoChange::Exists => Fault::Exists,
            NoChange::NotNumeric => Fault::NotNumeric,
            NoChange::NoMemory => Fault::NoMemoryToChange,
            NoChange::NoMemoryForNew => Fault::NoMemoryForNew,
        }
    }
}
