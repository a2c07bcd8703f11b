//! Command lines that are refused, and the words for it.

use std::ffi::OsString;

use super::super::row::{Argument, Set};
use super::super::table::{Setting, rows};
use super::super::{checks, parse};
use super::{refused, run};

/// Options, the line that refuses them, and the exit code.
const REFUSALS: &[(&[&str], &str, i32)] = &[
    (
        &["-c", "0"],
        "Maximum connections must be greater than 0",
        1,
    ),
    (
        &["-c", "-1"],
        "Maximum connections must be greater than 0",
        1,
    ),
    (&["-t", "0"], "Number of threads must be greater than 0", 1),
    (&["-n", "0"], "Chunk size must be greater than 0", 1),
    (
        &["-R", "x"],
        "Number of requests per event must be greater than 0",
        1,
    ),
    (&["-f", "1"], "Factor must be greater than 1", 1),
    (&["-f", "x"], "Factor must be greater than 1", 1),
    (
        &["-B", "http"],
        "Invalid value for binding protocol: http\n -- should be one of auto, binary, or ascii",
        64,
    ),
    (&["-p", "65536"], "ERROR: Invalid port number 65536.", 64),
    (
        &["-p", "4294967297"],
        "ERROR: Invalid port number 2147483647.",
        64,
    ),
    (&["-U", "65536"], "ERROR: Invalid port number 65536.", 64),
    (
        &["-I", "1000"],
        "Item max size cannot be less than 1024 bytes.",
        64,
    ),
    (
        &["-I", "1g"],
        "Item max size cannot be less than 1024 bytes.",
        64,
    ),
    (
        &["-I", "2048m"],
        "Item max size cannot be less than 1024 bytes.",
        64,
    ),
    (
        &["-I", "256m"],
        "Cannot set item size limit higher than 1/2 of memory max.",
        64,
    ),
    (
        &["-m", "1"],
        "Cannot set item size limit higher than 1/2 of memory max.",
        64,
    ),
    (
        &["-m", "-1"],
        "ERROR: Invalid memory limit -1: 1 to 8388542 megabytes are possible.",
        64,
    ),
    (
        &["-m", "8388543"],
        "ERROR: Invalid memory limit 8388543: 1 to 8388542 megabytes are possible.",
        64,
    ),
    (
        &["-m", "4294967360"], // 64 and what was once cut off
        "ERROR: Invalid memory limit 4294967360: 1 to 8388542 megabytes are possible.",
        64,
    ),
    (
        &["-a", "abc"],
        "ERROR: Invalid mask abc of the unix socket: octal numbers up to 7777 are possible.",
        64,
    ),
    (
        &["-a", "888"],
        "ERROR: Invalid mask 888 of the unix socket: octal numbers up to 7777 are possible.",
        64,
    ),
    (
        &["-m", "4000", "-I", "1025m"],
        "Cannot set item size limit higher than a gigabyte.",
        64,
    ),
    (
        &["-I", "1024"],
        "slab_chunk_max (bytes: 524288) cannot be larger than -I (item_size_max 1024)",
        64,
    ),
    (
        &["-I", "1500k"],
        "-I (item_size_max: 1536000) must be evenly divisible by slab_chunk_max (bytes: 524288)",
        64,
    ),
    (
        &["-I", "999k", "-o", "slab_chunk_max=333"],
        "slab_chunk_max (bytes: 340992) must divide evenly into 1048576 (slab_page_size)",
        64,
    ),
    (&["-o", "foo"], "Illegal suboption \"foo\"", 1),
    (&["-o", "foo=1,modern"], "Illegal suboption \"foo=1\"", 1),
    (&["-o", "modern,,"], "Illegal suboption \"\"", 1),
    (&["-o", ","], "Illegal suboption \"\"", 1),
    (
        &["-o", "no_hashpower"],
        "Illegal suboption \"no_hashpower\"",
        1,
    ),
    (
        &["-o", "hashpower"],
        "Missing numeric argument for hashpower",
        1,
    ),
    (
        &["-o", "hashpower=11"],
        "Initial hashtable multiplier of 11 is too low",
        1,
    ),
    (
        &["-o", "hashpower=33"],
        "Initial hashtable multiplier of 33 is too high\n\
             Choose a value based on \"STAT hash_power_level\" from a running instance",
        1,
    ),
    (
        &["-o", "hashpower=12"],
        "Hash table power size (12) cannot be equal to or less than item lock table (12)\n\
             Item lock table grows with `-t N` (worker threadcount)\n\
             Hash table grows with `-o hashpower=N` ",
        1,
    ),
    (
        &["-o", "hash_algorithm"],
        "Missing hash_algorithm argument",
        1,
    ),
    (
        &["-o", "hash_algorithm=crc"],
        "Unknown hash_algorithm option (jenkins, murmur3, xxh3)",
        1,
    ),
    (
        &["-o", "tail_repair_time"],
        "Missing numeric argument for tail_repair_time",
        1,
    ),
    (
        &["-o", "tail_repair_time=9"],
        "Cannot set tail_repair_time to less than 10 seconds",
        1,
    ),
    (
        &["-N", "0"],
        "Maximum number of NAPI IDs must be greater than 0",
        1,
    ),
    (
        &["-N", "3", "-t", "2", "-I", "100"],
        "Number of napi_ids(3) cannot be greater than number of threads(2)",
        64,
    ),
    (
        &["-o", "read_buf_mem_limit"],
        "Missing read_buf_mem_limit argument",
        1,
    ),
    (
        &["-o", "read_buf_mem_limit=1x"],
        "could not parse argument to read_buf_mem_limit",
        1,
    ),
    (
        &["-o", "read_buf_mem_limit=-1"],
        "could not parse argument to read_buf_mem_limit",
        1,
    ),
    (
        &["-o", "idle_timeout"],
        "Missing numeric argument for idle_timeout",
        1,
    ),
    (
        &["-o", "slab_automove=3"],
        "slab_automove must be between 0 and 2",
        1,
    ),
    (
        &["-o", "slab_automove=-1"],
        "slab_automove must be between 0 and 2",
        1,
    ),
    (
        &["-o", "slab_automove_ratio"],
        "Missing slab_automove_ratio argument",
        1,
    ),
    (
        &["-o", "slab_automove_ratio=1.1"],
        "slab_automove_ratio must be > 0 and < 1",
        1,
    ),
    (
        &["-o", "slab_automove_window"],
        "Missing slab_automove_window argument",
        1,
    ),
    (
        &["-o", "slab_automove_window=2"],
        "slab_automove_window must be > 2 and < 1800",
        1,
    ),
    (
        &["-o", "lru_crawler_sleep"],
        "Missing lru_crawler_sleep value",
        1,
    ),
    (
        &["-o", "lru_crawler_sleep=1000001"],
        "LRU crawler sleep must be between 0 and 1 second",
        1,
    ),
    (
        &["-o", "lru_crawler_tocrawl"],
        "Missing lru_crawler_tocrawl value",
        1,
    ),
    (
        &["-o", "lru_crawler_tocrawl=-1"],
        "lru_crawler_tocrawl takes a numeric 32bit value",
        1,
    ),
    (&["-o", "hot_lru_pct"], "Missing hot_lru_pct argument", 1),
    (
        &["-o", "hot_lru_pct=80"],
        "hot_lru_pct must be > 1 and < 80",
        1,
    ),
    (&["-o", "warm_lru_pct"], "Missing warm_lru_pct argument", 1),
    (
        &["-o", "warm_lru_pct=0"],
        "warm_lru_pct must be > 1 and < 80",
        1,
    ),
    (
        &["-o", "hot_lru_pct=50,warm_lru_pct=31"],
        "hot_lru_pct + warm_lru_pct cannot be more than 80% combined",
        64,
    ),
    (
        &["-o", "hot_max_factor"],
        "Missing hot_max_factor argument",
        1,
    ),
    (&["-o", "hot_max_factor=0"], "hot_max_factor must be > 0", 1),
    (
        &["-o", "warm_max_factor"],
        "Missing warm_max_factor argument",
        1,
    ),
    (
        &["-o", "warm_max_factor=-2"],
        "warm_max_factor must be > 0",
        1,
    ),
    (
        &["-o", "temporary_ttl"],
        "Missing temporary_ttl argument",
        1,
    ),
    (
        &["-o", "temporary_ttl=61,no_lru_maintainer"],
        "temporary_ttl requires lru_maintainer to be enabled",
        64,
    ),
    (
        &["-o", "slab_chunk_max"],
        "Missing slab_chunk_max argument",
        1,
    ),
    (
        &["-o", "slab_chunk_max=x"],
        "could not parse argument to slab_chunk_max",
        1,
    ),
    (
        &["-o", "slab_chunk_max=0"],
        "slab_chunk_max must be >= 0",
        1,
    ),
    (
        &["-o", "slab_chunk_max=1025"],
        "slab_chunk_max must be specified in kilobytes.",
        1,
    ),
    (
        &["-o", "slab_sizes=x"],
        "slab size 0 is out of valid range",
        64,
    ),
    (
        &["-o", "slab_sizes=47"],
        "slab size 47 is out of valid range",
        64,
    ),
    (
        &["-o", "slab_sizes=524289"],
        "slab size 524289 is out of valid range",
        64,
    ),
    (
        &["-o", "slab_sizes=100-100"],
        "slab size 100 cannot be lower than or equal to a previous class size",
        64,
    ),
    (
        &["-o", "slab_sizes=100-108"],
        "slab size 108 must be at least 8 bytes larger than previous class",
        64,
    ),
];

#[test]
fn bad_values_are_refused_in_the_known_words() {
    for (args, line, exit_code) in REFUSALS {
        assert_eq!(refused(args), (format!("{line}\n"), *exit_code), "{args:?}");
    }
    assert_eq!(refused(&["-o", "slab_sizes="]), (String::new(), 64));
}

#[test]
fn there_is_an_end_to_slab_sizes() {
    let sizes = |count: u32| {
        let sizes: Vec<_> = (1..=count).map(|n| (n * 100).to_string()).collect();
        format!("slab_sizes={}", sizes.join("-"))
    };
    assert_eq!(
        run(&["-o", &sizes(62)]).slab_sizes.map(|sizes| sizes.len()),
        Some(62)
    );
    let many = (String::from("too many slab classes specified\n"), 64);
    assert_eq!(refused(&["-o", &sizes(63)]), many);
}

#[test]
fn every_absent_option_is_refused_by_name() {
    let is_absent = |row: &&Setting| matches!(row.set, Set::Absent) && !row.option.is_empty();
    for row in rows().filter(is_absent) {
        let name = row.name();
        let args = match row.letter() {
            Some(_) if row.argument() == Argument::Required => vec![format!("-{name}1")],
            Some(_) => vec![format!("-{name}")],
            None => vec![format!("-o{name}")],
        };
        let (message, exit_code) = match parse("x", args.iter().map(OsString::from), false) {
            Err(refusal) => (refusal.message, refusal.exit_code),
            other => panic!("{args:?}: {other:?}"),
        };
        let (words, code) = match name {
            "Z" => ("This server is not built with TLS support.\n", 64),
            _ => (" is not available in this version\n", 1),
        };
        assert!(message.ends_with(words), "{message}");
        let is_named = [format!("option -{name}"), format!("option -o {name}")]
            .iter()
            .any(|named| message.contains(named));
        assert!(code == 64 || is_named, "{message}");
        assert_eq!(exit_code, code, "{args:?}");
    }
}

#[test]
fn refusals_of_absent_options_name_them_in_full() {
    let file = "memcached: option -e (--memory-file) is not available in this version\n";
    assert_eq!(refused(&["-ve1"]), (file.to_string(), 1));
    let sizes = "memcached: option -o ext_item_age is not available in this version\n";
    assert_eq!(refused(&["-o", "ext_item_age=5"]), (sizes.to_string(), 1));
}

#[test]
fn root_must_say_whose_rights_to_take_after_all_else_is_right() {
    let as_root = |args: &[&str]| parse("memcached", args.iter().map(OsString::from), true);
    for args in [&[][..], &["-u", ""]] {
        let refusal = as_root(args).unwrap_err();
        assert_eq!(refusal.message, "must add '-u root' to start as root\n");
        assert_eq!(refusal.exit_code, 64);
    }
    assert!(as_root(&["-u", "root"]).is_ok());
    assert!(as_root(&["-V"]).is_ok());
    assert!(
        as_root(&["-I", "100"])
            .unwrap_err()
            .message
            .starts_with("Item max size")
    );
}

#[test]
fn remarks_do_not_stop_the_start_and_come_before_a_refusal() {
    let threads = "WARNING: Setting a high number of workerthreads is not recommended.\n \
                   Set this value to the number of cores in your machine or less.\n";
    assert_eq!(run(&["-t", "65"]).warnings, [threads]);
    assert!(run(&["-t", "64"]).warnings.is_empty());

    let limit = "DEPRECATED: resp_obj_mem_limit no longer used. See read_buf_mem_limit,\n";
    assert_eq!(run(&["-o", "resp_obj_mem_limit=1"]).warnings, [limit]);
    let (message, _) = refused(&["-o", "resp_obj_mem_limit", "-c0"]);
    assert_eq!(
        message,
        format!("{limit}Maximum connections must be greater than 0\n")
    );
}

#[test]
fn the_least_hash_table_is_that_of_the_reference() {
    let powers = [1, 2, 3, 4, 5, 10, 11, 20, 21, 1000].map(checks::reference_lock_power);
    assert_eq!(powers, [10, 10, 11, 12, 13, 13, 14, 14, 15, 15]);
    assert_eq!(run(&["-t1", "-ohashpower=12"]).hash_power, 12);
}
