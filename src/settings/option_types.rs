//! Types of options: how the text of an option becomes the value of a field, and back.
//!
//! A type knows one field's range and the words of its complaint. It does not know
//! which option it serves, except that the name used is in [`Given`].

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::given::Given;
use super::live::Live;
use super::numbers;
use super::refusal::Refusal;
use crate::store::LIMIT_MAX;
pub use crate::store::hash::published::Algorithm as HashAlgorithm;
use crate::sys::exit_code::{FAILURE, USAGE};

/// How a field of type `T` is read from the command line and shown.
pub(super) trait OptionType<T> {
    /// Reads what was given into the field.
    fn set(&self, field: &mut T, given: &Given<'_>) -> Result<(), Refusal>;

    /// The field as `stats settings` shows it.
    fn show(&self, field: &T) -> String;

    /// The field as an operator would write it.
    fn typed(&self, field: &T) -> String {
        self.show(field)
    }
}

/// Which protocol the clients speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Each connection shows by its first byte.
    Auto,
    /// Lines of text.
    Ascii,
    /// The binary protocol.
    Binary,
}

impl Protocol {
    /// All of them, in the order of their numbers.
    pub const ALL: [Protocol; 3] = [Protocol::Auto, Protocol::Ascii, Protocol::Binary];

    /// What `stats settings` and the log call it.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Auto => "auto-negotiate",
            Protocol::Ascii => "ascii",
            Protocol::Binary => "binary",
        }
    }
}

/// A value no option sets: the server itself keeps it.
pub(super) struct Shown;

impl OptionType<u32> for Shown {
    fn set(&self, _: &mut u32, _: &Given<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    fn show(&self, field: &u32) -> String {
        field.to_string()
    }
}

impl OptionType<Live<u32>> for Shown {
    fn set(&self, _: &mut Live<u32>, _: &Given<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    fn show(&self, field: &Live<u32>) -> String {
        field.get().to_string()
    }
}

impl OptionType<Live<bool>> for Shown {
    fn set(&self, _: &mut Live<bool>, _: &Given<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    fn show(&self, field: &Live<bool>) -> String {
        yes_no(field.get())
    }
}

/// The character that ends the prefix of a key: the first one of the argument.
pub(super) struct Delimiter;

impl OptionType<u8> for Delimiter {
    fn set(&self, field: &mut u8, given: &Given<'_>) -> Result<(), Refusal> {
        let first = given.value.unwrap_or_default().as_bytes().first();
        let first = first.filter(|byte| !byte.is_ascii_whitespace());
        *field = *first.ok_or_else(|| Refusal::new(FAILURE, "No delimiter specified"))?;
        Ok(())
    }

    fn show(&self, field: &u8) -> String {
        String::from(char::from(*field))
    }
}

/// Any whole number, read leniently.
pub(super) struct Integer;

impl OptionType<i32> for Integer {
    fn set(&self, field: &mut i32, given: &Given<'_>) -> Result<(), Refusal> {
        *field = given.int();
        Ok(())
    }

    fn show(&self, field: &i32) -> String {
        field.to_string()
    }
}

/// Seconds after which a silent client is closed: any number, read leniently.
pub(super) struct Timeout;

impl OptionType<i32> for Timeout {
    fn set(&self, field: &mut i32, given: &Given<'_>) -> Result<(), Refusal> {
        given.needs("numeric argument for idle_timeout")?;
        Integer.set(field, given)
    }

    fn show(&self, field: &i32) -> String {
        field.to_string()
    }
}

/// A whole number above 0; holds the subject of the complaint.
pub(super) struct Positive(pub &'static str);

impl OptionType<u32> for Positive {
    fn set(&self, field: &mut u32, given: &Given<'_>) -> Result<(), Refusal> {
        *field = match given.int() {
            number @ 1.. => number.unsigned_abs(),
            _ => {
                return Err(Refusal::new(
                    FAILURE,
                    format!("{} must be greater than 0", self.0),
                ));
            }
        };
        Ok(())
    }

    fn show(&self, field: &u32) -> String {
        field.to_string()
    }
}

/// Each use of the option adds one.
pub(super) struct CountsUp;

impl OptionType<Live<u32>> for CountsUp {
    fn set(&self, field: &mut Live<u32>, _: &Given<'_>) -> Result<(), Refusal> {
        field.set(field.get().saturating_add(1));
        Ok(())
    }

    fn show(&self, field: &Live<u32>) -> String {
        field.get().to_string()
    }

    fn typed(&self, _: &Live<u32>) -> String {
        String::new()
    }
}

/// Given in megabytes, kept and shown in bytes.
pub(super) struct Megabytes;

impl OptionType<Live<u64>> for Megabytes {
    fn set(&self, field: &mut Live<u64>, given: &Given<'_>) -> Result<(), Refusal> {
        let text = given.text();
        let megabytes = u64::try_from(numbers::long(&text));
        let possible = megabytes
            .ok()
            .filter(|&megabytes| megabytes <= LIMIT_MAX >> 20);
        let megabytes = possible.ok_or_else(|| {
            let most = LIMIT_MAX >> 20;
            let line =
                format!("ERROR: Invalid memory limit {text}: 1 to {most} megabytes are possible.");
            Refusal::new(USAGE, line)
        })?;
        field.set(megabytes << 20);
        Ok(())
    }

    fn show(&self, field: &Live<u64>) -> String {
        field.get().to_string()
    }

    fn typed(&self, field: &Live<u64>) -> String {
        (field.get() >> 20).to_string()
    }
}

/// The growth factor of the slab classes.
pub(super) struct Factor;

impl OptionType<f64> for Factor {
    fn set(&self, field: &mut f64, given: &Given<'_>) -> Result<(), Refusal> {
        *field = numbers::atof(&given.text());
        if *field <= 1.0 {
            return Err(Refusal::new(FAILURE, "Factor must be greater than 1"));
        }
        Ok(())
    }

    fn show(&self, field: &f64) -> String {
        format!("{field:.2}")
    }
}

/// A limit of memory for buffers: given in megabytes, kept and shown in bytes, cut to 32 bits.
pub(super) struct BufferLimit;

impl OptionType<u32> for BufferLimit {
    fn set(&self, field: &mut u32, given: &Given<'_>) -> Result<(), Refusal> {
        given.needs("read_buf_mem_limit argument")?;
        let complaint = "could not parse argument to read_buf_mem_limit";
        let megabytes = numbers::strict_u32(&given.text());
        let megabytes = megabytes.ok_or_else(|| Refusal::new(FAILURE, complaint))?;
        *field = megabytes.wrapping_mul(1 << 20);
        Ok(())
    }

    fn show(&self, field: &u32) -> String {
        field.to_string()
    }

    fn typed(&self, field: &u32) -> String {
        (field >> 20).to_string()
    }
}

/// The mark of a socket; what is no number leaves it as it is.
pub(super) struct SocketMark;

impl OptionType<u32> for SocketMark {
    fn set(&self, field: &mut u32, given: &Given<'_>) -> Result<(), Refusal> {
        *field = numbers::strict_u32(&given.text()).unwrap_or(*field);
        Ok(())
    }

    fn show(&self, field: &u32) -> String {
        field.to_string()
    }
}

/// Permission bits.
pub(super) struct Octal;

/// All bits of a file's mode. Of a socket's the low nine count.
const MASK_MAX: u32 = 0o7777;

impl OptionType<u32> for Octal {
    fn set(&self, field: &mut u32, given: &Given<'_>) -> Result<(), Refusal> {
        let text = given.text();
        *field = numbers::octal(&text, MASK_MAX).ok_or_else(|| {
            let line = format!(
                "ERROR: Invalid mask {text} of the unix socket: octal numbers up to {MASK_MAX:o} \
                 are possible."
            );
            Refusal::new(USAGE, line)
        })?;
        Ok(())
    }

    fn show(&self, field: &u32) -> String {
        format!("{field:o}")
    }

    fn typed(&self, field: &u32) -> String {
        format!("{field:04o}")
    }
}

/// A file name, in whatever bytes it has.
pub(super) struct FileName;

impl OptionType<Option<PathBuf>> for FileName {
    fn set(&self, field: &mut Option<PathBuf>, given: &Given<'_>) -> Result<(), Refusal> {
        *field = given.value.map(PathBuf::from);
        Ok(())
    }

    fn show(&self, field: &Option<PathBuf>) -> String {
        match field {
            Some(path) => path.display().to_string(),
            None => String::from("NULL"),
        }
    }

    fn typed(&self, field: &Option<PathBuf>) -> String {
        field
            .as_ref()
            .map(|path| path.display().to_string())
            .unwrap_or_default()
    }
}

/// The file of those who may log in; shown as `no` if there is none.
pub(super) struct AuthFile;

impl OptionType<Option<PathBuf>> for AuthFile {
    fn set(&self, field: &mut Option<PathBuf>, given: &Given<'_>) -> Result<(), Refusal> {
        FileName.set(field, given)
    }

    fn show(&self, field: &Option<PathBuf>) -> String {
        let path = FileName.typed(field);
        if field.is_some() { path } else { yes_no(false) }
    }

    fn typed(&self, field: &Option<PathBuf>) -> String {
        FileName.typed(field)
    }
}

/// Any text; the last one given counts.
pub(super) struct Text;

impl OptionType<Option<String>> for Text {
    fn set(&self, field: &mut Option<String>, given: &Given<'_>) -> Result<(), Refusal> {
        *field = Some(given.text().into_owned());
        Ok(())
    }

    fn show(&self, field: &Option<String>) -> String {
        field.clone().unwrap_or_default()
    }
}

/// A list that grows with every use of the option.
pub(super) struct AddressList;

impl OptionType<Option<String>> for AddressList {
    fn set(&self, field: &mut Option<String>, given: &Given<'_>) -> Result<(), Refusal> {
        let item = given.text();
        match field {
            None => *field = Some(item.into_owned()),
            // Naming an address again is no error. That a shorter one hides in a longer
            // one (127.0.0.1 in 127.0.0.11) is how every memcached has seen it.
            Some(list) if list.contains(&*item) => {}
            Some(list) => *list = format!("{list},{item}"),
        }
        Ok(())
    }

    fn show(&self, field: &Option<String>) -> String {
        field.clone().unwrap_or_else(|| String::from("NULL"))
    }

    fn typed(&self, field: &Option<String>) -> String {
        field.clone().unwrap_or_default()
    }
}

pub(super) fn yes_no(is_on: bool) -> String {
    String::from(if is_on { "yes" } else { "no" })
}

/// The option turns something on.
pub(super) struct TurnsOn;

impl OptionType<bool> for TurnsOn {
    fn set(&self, field: &mut bool, _: &Given<'_>) -> Result<(), Refusal> {
        *field = true;
        Ok(())
    }

    fn show(&self, field: &bool) -> String {
        yes_no(*field)
    }
}

/// The option turns something off.
pub(super) struct TurnsOff;

impl OptionType<bool> for TurnsOff {
    fn set(&self, field: &mut bool, _: &Given<'_>) -> Result<(), Refusal> {
        *field = false;
        Ok(())
    }

    fn show(&self, field: &bool) -> String {
        yes_no(*field)
    }
}

/// As [`TurnsOff`], but shown as `on` and `off`.
pub(super) struct TurnsEvictionOff;

impl OptionType<bool> for TurnsEvictionOff {
    fn set(&self, field: &mut bool, given: &Given<'_>) -> Result<(), Refusal> {
        TurnsOff.set(field, given)
    }

    fn show(&self, field: &bool) -> String {
        String::from(if *field { "on" } else { "off" })
    }
}

/// On by its name, off by the same name with `no_` before it.
pub(super) struct Switch;

impl OptionType<bool> for Switch {
    fn set(&self, field: &mut bool, given: &Given<'_>) -> Result<(), Refusal> {
        *field = !given.name.starts_with("no_");
        Ok(())
    }

    fn show(&self, field: &bool) -> String {
        yes_no(*field)
    }
}

/// The protocol, by name.
pub(super) struct ProtocolName;

impl OptionType<Protocol> for ProtocolName {
    fn set(&self, field: &mut Protocol, given: &Given<'_>) -> Result<(), Refusal> {
        *field = match &*given.text() {
            "auto" => Protocol::Auto,
            "ascii" => Protocol::Ascii,
            "binary" => Protocol::Binary,
            other => {
                let line = format!("Invalid value for binding protocol: {other}");
                let line = line + "\n -- should be one of auto, binary, or ascii";
                return Err(Refusal::new(USAGE, line));
            }
        };
        Ok(())
    }

    fn show(&self, field: &Protocol) -> String {
        String::from(field.name())
    }

    fn typed(&self, field: &Protocol) -> String {
        match field {
            Protocol::Auto => String::from("auto"),
            other => self.show(other),
        }
    }
}

/// A size in bytes with an optional `k` or `m` at its end.
///
/// Its range depends on other options, so it is checked after all are read; until then
/// a negative number is kept in two's complement.
pub(super) struct ItemSize;

impl OptionType<u32> for ItemSize {
    fn set(&self, field: &mut u32, given: &Given<'_>) -> Result<(), Refusal> {
        let unit = match given.text().as_bytes().last() {
            Some(b'k' | b'K') => 1 << 10,
            Some(b'm' | b'M') => 1 << 20,
            _ => 1,
        };
        *field = given.int().wrapping_mul(unit).cast_unsigned();
        Ok(())
    }

    fn show(&self, field: &u32) -> String {
        field.to_string()
    }

    fn typed(&self, field: &u32) -> String {
        match *field {
            bytes if bytes.is_multiple_of(1 << 20) => format!("{}m", bytes >> 20),
            bytes if bytes.is_multiple_of(1 << 10) => format!("{}k", bytes >> 10),
            bytes => bytes.to_string(),
        }
    }
}

/// The largest chunk: given in kilobytes, kept and shown in bytes.
pub(super) struct ChunkMax;

impl OptionType<u32> for ChunkMax {
    fn set(&self, field: &mut u32, given: &Given<'_>) -> Result<(), Refusal> {
        given.needs("slab_chunk_max argument")?;
        let complaint = match numbers::strict_i32(&given.text()) {
            None => "could not parse argument to slab_chunk_max",
            Some(..=0) => "slab_chunk_max must be >= 0",
            Some(1025..) => "slab_chunk_max must be specified in kilobytes.",
            Some(kilobytes) => {
                *field = kilobytes.unsigned_abs() << 10;
                return Ok(());
            }
        };
        Err(Refusal::new(FAILURE, complaint))
    }

    fn show(&self, field: &u32) -> String {
        field.to_string()
    }

    fn typed(&self, field: &u32) -> String {
        (field >> 10).to_string()
    }
}

/// Given in kilobytes, kept so, and shown in bytes; holds the name.
pub(super) struct Kibibytes(pub &'static str);

impl OptionType<u32> for Kibibytes {
    fn set(&self, field: &mut u32, given: &Given<'_>) -> Result<(), Refusal> {
        let name = self.0;
        given.needs(&format!("{name} argument"))?;
        let complaint = || Refusal::new(FAILURE, format!("could not parse argument to {name}"));
        *field = numbers::strict_u32(&given.text()).ok_or_else(complaint)?;
        Ok(())
    }

    fn show(&self, field: &u32) -> String {
        (u64::from(*field) << 10).to_string()
    }

    fn typed(&self, field: &u32) -> String {
        field.to_string()
    }
}

/// Sizes of the slab classes, split by `-`; checked after all options are read. What
/// is no number is 0, which no range allows.
pub(super) struct Sizes;

impl OptionType<Option<Vec<u32>>> for Sizes {
    fn set(&self, field: &mut Option<Vec<u32>>, given: &Given<'_>) -> Result<(), Refusal> {
        given.needs("slab_sizes argument")?;
        let text = given.text();
        let sizes = text.split('-').filter(|size| !size.is_empty());
        let number = |size: &str| numbers::strict_i32(size).unwrap_or(0).cast_unsigned();
        *field = Some(sizes.map(number).collect());
        Ok(())
    }

    fn show(&self, field: &Option<Vec<u32>>) -> String {
        let sizes = field.iter().flatten().map(u32::to_string);
        sizes.collect::<Vec<_>>().join("-")
    }
}

/// The power of two of the hash table's buckets; 0 leaves it to the server.
pub(super) struct HashPower;

/// What a hash table starts with by default.
const HASH_POWER_START: u32 = 16;

impl OptionType<u32> for HashPower {
    fn set(&self, field: &mut u32, given: &Given<'_>) -> Result<(), Refusal> {
        given.needs("numeric argument for hashpower")?;
        *field = match given.int() {
            power @ 12..=32 => power.unsigned_abs(),
            power @ ..12 => {
                let line = format!("Initial hashtable multiplier of {power} is too low");
                return Err(Refusal::new(FAILURE, line));
            }
            power => {
                let line = format!("Initial hashtable multiplier of {power} is too high\n");
                let hint =
                    "Choose a value based on \"STAT hash_power_level\" from a running instance";
                return Err(Refusal::new(FAILURE, line + hint));
            }
        };
        Ok(())
    }

    fn show(&self, field: &u32) -> String {
        field.to_string()
    }

    fn typed(&self, field: &u32) -> String {
        match *field {
            0 => HASH_POWER_START.to_string(),
            power => power.to_string(),
        }
    }
}

/// The hash function, by name.
pub(super) struct HashName;

impl OptionType<HashAlgorithm> for HashName {
    fn set(&self, field: &mut HashAlgorithm, given: &Given<'_>) -> Result<(), Refusal> {
        given.needs("hash_algorithm argument")?;
        let known = HashAlgorithm::from_name(&given.text());
        let complaint = "Unknown hash_algorithm option (jenkins, murmur3, xxh3)";
        *field = known.ok_or_else(|| Refusal::new(FAILURE, complaint))?;
        Ok(())
    }

    fn show(&self, field: &HashAlgorithm) -> String {
        String::from(field.name())
    }
}

/// Seconds after which a stuck item is repaired.
pub(super) struct RepairTime;

impl OptionType<u32> for RepairTime {
    fn set(&self, field: &mut u32, given: &Given<'_>) -> Result<(), Refusal> {
        given.needs("numeric argument for tail_repair_time")?;
        *field = match given.int() {
            seconds @ 10.. => seconds.unsigned_abs(),
            _ => {
                let line = "Cannot set tail_repair_time to less than 10 seconds";
                return Err(Refusal::new(FAILURE, line));
            }
        };
        Ok(())
    }

    fn show(&self, field: &u32) -> String {
        field.to_string()
    }
}
