//! Checks that concern more than one option: made once all are read, in an order that
//! operators can rely on (`-I 100` as root without `-u` reports the item size).

use super::option_types::Protocol;
use super::refusal::Refusal;
use super::table::{PAGE_BYTES, Settings};
use crate::sys::exit_code::{FAILURE, USAGE};

/// The highest port that there is.
const PORT_MAX: i32 = 65_535;

/// More worker threads than this earn a remark.
const THREADS_SENSIBLE: u32 = 64;

/// Explicit slab classes; the one of `slab_chunk_max` comes after them.
const SLAB_SIZES_MAX: usize = 62;

/// Largest value of `-I`.
const ITEM_SIZE_MAX: u32 = 1 << 30;

/// Options whose default depends on others, if they were not given.
pub(super) struct OptionsGiven {
    /// `-o slab_chunk_max`
    pub chunk_max: bool,
    /// `-B`
    pub protocol: bool,
    /// `-o temporary_ttl`
    pub temporary_ttl: bool,
}

/// Checks the settings against each other and fills in those that follow from others.
/// `given` says which options were among those that the operator gave.
pub(super) fn after_options(to: &mut Settings, given: &OptionsGiven) -> Result<(), Refusal> {
    if to.threads > THREADS_SENSIBLE {
        to.warnings.push(String::from(
            "WARNING: Setting a high number of workerthreads is not recommended.\n \
             Set this value to the number of cores in your machine or less.\n",
        ));
    }
    napi_ids(to)?;
    item_size(to, given.chunk_max)?;
    slab_sizes(to)?;
    lru(to, given.temporary_ttl)?;
    sasl(to, given.protocol)?;
    auth_file(to, given.protocol)?;
    for port in [to.tcp_port, to.udp_port] {
        if port > PORT_MAX {
            let line = format!("ERROR: Invalid port number {port}.");
            return Err(Refusal::new(USAGE, line));
        }
    }
    let is_list = to.listen.as_ref().is_some_and(|list| list.contains(','));
    to.threads_per_udp = if is_list { 1 } else { to.threads };
    Ok(())
}

fn napi_ids(of: &Settings) -> Result<(), Refusal> {
    let (ids, threads) = (of.napi_ids, of.threads);
    if ids <= threads {
        return Ok(());
    }
    let line =
        format!("Number of napi_ids({ids}) cannot be greater than number of threads({threads})");
    Err(Refusal::new(USAGE, line))
}

fn item_size(to: &mut Settings, chunk_max_given: bool) -> Result<(), Refusal> {
    let item = to.item_size_max;
    let usage = |line: String| Err(Refusal::new(USAGE, line));

    if item.cast_signed() < 1024 {
        return usage("Item max size cannot be less than 1024 bytes.".into());
    }
    if u64::from(item) > to.memory_bytes.get() / 2 {
        return usage("Cannot set item size limit higher than 1/2 of memory max.".into());
    }
    if item > ITEM_SIZE_MAX {
        return usage("Cannot set item size limit higher than a gigabyte.".into());
    }
    if item > PAGE_BYTES && !chunk_max_given {
        to.slab_chunk_max = PAGE_BYTES / 2;
    }
    let chunk = to.slab_chunk_max;
    if chunk > item {
        return usage(format!(
            "slab_chunk_max (bytes: {chunk}) cannot be larger than -I (item_size_max {item})"
        ));
    }
    if !item.is_multiple_of(chunk) {
        return usage(format!(
            "-I (item_size_max: {item}) must be evenly divisible by slab_chunk_max (bytes: {chunk})"
        ));
    }
    if !PAGE_BYTES.is_multiple_of(chunk) {
        return usage(format!(
            "slab_chunk_max (bytes: {chunk}) must divide evenly into {PAGE_BYTES} (slab_page_size)"
        ));
    }
    Ok(())
}

fn slab_sizes(of: &Settings) -> Result<(), Refusal> {
    let Some(sizes) = &of.slab_sizes else {
        return Ok(());
    };
    if sizes.is_empty() {
        return Err(Refusal {
            message: String::new(),
            exit_code: USAGE,
        });
    }
    let mut previous = 0;
    for (index, &size) in sizes.iter().enumerate() {
        let complaint = if !(of.chunk_size_min..=of.slab_chunk_max).contains(&size) {
            format!("slab size {size} is out of valid range")
        } else if size <= previous {
            format!("slab size {size} cannot be lower than or equal to a previous class size")
        } else if size <= previous + 8 && index > 0 {
            format!("slab size {size} must be at least 8 bytes larger than previous class")
        } else if index == SLAB_SIZES_MAX {
            String::from("too many slab classes specified")
        } else {
            previous = size;
            continue;
        };
        return Err(Refusal::new(USAGE, complaint));
    }
    Ok(())
}

/// The segments of the LRU, and the thread that looks after them.
fn lru(to: &mut Settings, temporary_ttl_given: bool) -> Result<(), Refusal> {
    if to.hot_lru_pct.get() + to.warm_lru_pct.get() > 80 {
        let line = "hot_lru_pct + warm_lru_pct cannot be more than 80% combined";
        return Err(Refusal::new(USAGE, line));
    }
    if temporary_ttl_given && !to.lru_maintainer {
        let line = "temporary_ttl requires lru_maintainer to be enabled";
        return Err(Refusal::new(USAGE, line));
    }
    to.temp_lru.set(temporary_ttl_given);
    to.lru_segmented.set(to.lru_maintainer);
    Ok(())
}

/// Who logs in by SASL speaks the binary protocol, over a connection.
fn sasl(to: &mut Settings, protocol_given: bool) -> Result<(), Refusal> {
    if !to.sasl {
        return Ok(());
    }
    if protocol_given && to.protocol != Protocol::Binary {
        return Err(Refusal::new(USAGE, SASL_IS_BINARY));
    }
    if to.udp_port != 0 {
        let line = "ERROR: Cannot enable UDP while using binary SASL authentication.";
        return Err(Refusal::new(USAGE, line));
    }
    to.protocol = Protocol::Binary;
    Ok(())
}

/// The refusal of any way to speak text to a server with `-S`.
pub const SASL_IS_BINARY: &str = "ERROR: You cannot allow the ASCII protocol while using SASL.";

/// Who logs in by a line of text speaks text, over a connection.
fn auth_file(to: &mut Settings, protocol_given: bool) -> Result<(), Refusal> {
    if to.auth_file.is_none() {
        return Ok(());
    }
    let complaint = if protocol_given && to.protocol != Protocol::Ascii {
        "ERROR: You cannot allow the BINARY protocol while using ascii authentication tokens."
    } else if to.udp_port != 0 {
        "Cannot use UDP with ascii authentication enabled (-U 0 to disable)"
    } else {
        to.protocol = Protocol::Ascii;
        return Ok(());
    };
    Err(Refusal::new(USAGE, complaint))
}

/// Root has to say whose rights the server shall have.
pub(super) fn user(of: &Settings, is_root: bool) -> Result<(), Refusal> {
    let nobody = of.user.as_ref().is_none_or(String::is_empty);
    if is_root && nobody {
        return Err(Refusal::new(USAGE, "must add '-u root' to start as root"));
    }
    Ok(())
}

/// C memcached refuses a hash table that has no more buckets than it has item locks, and so does
/// this server, in the same words, although its own locks are others.
pub(super) fn hash_power(of: &Settings) -> Result<(), Refusal> {
    let lock_power = reference_lock_power(of.threads);
    let power = of.hash_power;
    if power == 0 || power > lock_power {
        return Ok(());
    }
    Err(Refusal::new(
        FAILURE,
        format!(
            "Hash table power size ({power}) cannot be equal to or less than \
             item lock table ({lock_power})\n\
             Item lock table grows with `-t N` (worker threadcount)\n\
             Hash table grows with `-o hashpower=N` "
        ),
    ))
}

/// How many item locks C memcached has for so many threads, as a power of two. Of this server's
/// own locks, the stripes, `stripe_power` of store/config.rs says how many there are.
pub(super) fn reference_lock_power(threads: u32) -> u32 {
    match threads {
        0..=2 => 10,
        3 => 11,
        4 => 12,
        5..=10 => 13,
        11..=20 => 14,
        _ => 15,
    }
}
