//! The errors of the binary protocol, each with its status and its text.

#![forbid(unsafe_code)]

macro_rules! faults {
    ($($(#[doc = $doc:literal])+ $name:ident: $status:literal, $text:literal;)*) => {
        /// Why a request was not obeyed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Fault { $($(#[doc = $doc])+ $name,)* }

        impl Fault {
            /// The status of the reply.
            pub fn status(self) -> u16 {
                match self { $(Fault::$name => $status,)* }
            }

            /// The body of the reply.
            pub fn text(self) -> &'static [u8] {
                match self { $(Fault::$name => $text,)* }
            }
        }
    };
}

faults! {
    /// No such key.
    NotFound: 0x01, b"Not found";
    /// The key is there, or has another cas id.
    Exists: 0x02, b"Data exists for key.";
    /// The value can never fit.
    TooLarge: 0x03, b"Too large.";
    /// The parts of the request are not those that its opcode wants.
    Invalid: 0x04, b"Invalid arguments";
    /// Nothing to append to, or the joined value is impossible.
    NotStored: 0x05, b"Not stored.";
    /// What is there is not a number.
    NotNumeric: 0x06, b"Non-numeric server-side value for incr or decr";
    /// Not logged in, or not allowed.
    Denied: 0x20, b"Auth failure.";
    /// No such opcode.
    Unknown: 0x81, b"Unknown command";
    /// No memory for a value.
    NoMemory: 0x82, b"Out of memory allocating item";
    /// No memory for a number that is not there yet.
    NoMemoryForNew: 0x82, b"Out of memory allocating new item";
    /// No memory for a number that has grown.
    NoMemoryToChange: 0x82, b"Out of memory incrementing value";
    /// Memory ran out while a large value arrived.
    NoMemoryReading: 0x82, b"Out of memory during read";
    /// No memory for what proves who a client is.
    NoMemoryToLogIn: 0x82, b"Out of memory";
}
