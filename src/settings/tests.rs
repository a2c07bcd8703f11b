//! The table as a whole, the man page against it, and command lines from end to end.

use std::collections::HashSet;

use super::row::Argument;
use super::*;

fn start(args: &[&str]) -> Result<Start, Refusal> {
    parse("memcached", args.iter().map(OsString::from), false)
}

fn run(args: &[&str]) -> Settings {
    match start(args) {
        Ok(Start::Run(settings)) => *settings,
        other => panic!("{args:?}: {other:?}"),
    }
}

fn print(args: &[&str]) -> String {
    match start(args) {
        Ok(Start::Print(text)) => text,
        other => panic!("{args:?}: {other:?}"),
    }
}

/// Message and exit code.
fn refused(args: &[&str]) -> (String, i32) {
    match start(args) {
        Err(refusal) => (refusal.message, refusal.exit_code),
        other => panic!("{args:?}: {other:?}"),
    }
}

fn stats(settings: &Settings) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    settings.each_stat(|key, value| rows.push((key.to_string(), value.to_string())));
    rows
}

/// Rows of `stats settings` that the options change.
fn changed(args: &[&str]) -> String {
    let before = stats(&run(&[]));
    let after = stats(&run(args));
    let pairs = before
        .iter()
        .zip(&after)
        .filter(|(before, after)| before != after);
    let rows: Vec<_> = pairs
        .map(|(_, (key, value))| format!("{key} {value}"))
        .collect();
    rows.join(", ")
}

fn is_real(row: &&Setting) -> bool {
    !matches!(row.set, Set::Absent) && !row.option.is_empty()
}

/// A value that each option with an argument accepts.
fn good_value(row: &Setting) -> &'static str {
    match row.name() {
        "slab_automove" => "1",
        "slab_automove_ratio" => "0.5",
        "N" => "4",
        "B" => "ascii",
        "I" => "2m",
        "f" => "1.5",
        "o" => "modern",
        "hash_algorithm" => "xxh3",
        "slab_sizes" => "96-120",
        "slab_chunk_max" => "256",
        _ => "30",
    }
}

fn man_page() -> String {
    include_str!("../../memcached.1").replace("\\-", "-")
}

#[test]
fn man_page_has_one_entry_for_each_option() {
    let page = man_page();
    for row in rows().filter(is_real) {
        let entries = page.matches(&format!(".TP\n.B {}\n", row.option)).count();
        let is_for_tests = row.name() == "relaxed_privileges";
        assert_eq!(entries, usize::from(!is_for_tests), "{}", row.option);
    }
    let options = rows().filter(is_real).map(|row| row.option);
    let known: HashSet<_> = options.collect();
    let entries = page.split(".TP\n.B -").skip(1);
    for entry in entries.filter_map(|entry| entry.lines().next()) {
        assert!(
            known.contains(&*format!("-{entry}")),
            "memcached.1: what is -{entry}?"
        );
    }
}

#[test]
fn an_option_that_is_shown_shows_what_was_given() {
    let shown = |args: &[String], key: &str| match parse(
        "memcached",
        args.iter().map(OsString::from),
        false,
    ) {
        Ok(Start::Run(settings)) => stats(&settings)
            .into_iter()
            .find_map(|(name, value)| (name == key).then_some(value))
            .unwrap(),
        other => panic!("{args:?}: {other:?}"),
    };
    let is_shown = |row: &&Setting| is_real(row) && !row.stat.is_empty();
    for row in rows().filter(is_shown) {
        let name = row.name();
        let inverse = format!("no_{name}");
        let words: &[String] = match (row.letter(), row.argument()) {
            (Some(_), Argument::Required) => &[format!("-{name}"), good_value(row).into()],
            (Some(_), _) => &[format!("-{name}")],
            (None, Argument::Required) => &["-o".into(), format!("{name}={}", good_value(row))],
            // Whichever is not the default.
            (None, _) if row.answers_to(&inverse) => {
                let (on, off) = (["-o".into(), name.into()], ["-o".into(), inverse]);
                assert_ne!(
                    shown(&on, row.stat),
                    shown(&off, row.stat),
                    "{}",
                    row.option
                );
                continue;
            }
            (None, _) => &["-o".into(), name.into()],
        };
        let is_stuck = ["U", "slab_automove"].contains(&name);
        let changed = shown(words, row.stat) != shown(&[], row.stat);
        assert!(changed || is_stuck, "{}", row.option);
    }
}

#[test]
fn man_page_tells_every_default() {
    let page = man_page();
    let defaults = Settings::default();
    for row in rows()
        .filter(is_real)
        .filter(|row| row.argument() == Argument::Required)
    {
        let value = (row.typed)(&defaults);
        let (_, entry) = page.split_once(&format!(".B {}\n", row.option)).unwrap();
        let entry = entry.split(".TP").next().unwrap().replace('\n', " ");
        let told = entry.contains(&format!("default is {value}"));
        assert!(
            value.is_empty() || told,
            "memcached.1: {} {value}",
            row.option
        );
    }
}

#[test]
fn no_name_is_declared_twice() {
    let mut seen = HashSet::new();
    for row in rows() {
        let letter = row.letter().map(|name| format!("-{name}"));
        let long = row.long().map(|name| format!("--{name}"));
        let extended = row.extended().map(|name| format!("-o {name}"));
        let stat = Some(row.stat.to_string()).filter(|key| !key.is_empty());
        for name in [letter, long, extended, stat].into_iter().flatten() {
            assert!(seen.insert(name.clone()), "twice: {name}");
        }
    }
}

#[test]
fn inverse_names_belong_to_one_row_only() {
    for name in rows().filter_map(Setting::extended) {
        let inverse = format!("no_{name}");
        for name in [name, &inverse] {
            assert!(
                rows().filter(|row| row.answers_to(name)).count() <= 1,
                "{name}"
            );
        }
    }
}

#[test]
fn all_letters_of_memcached_are_known_and_no_others() {
    let mut letters: Vec<_> = rows().filter_map(Setting::letter).collect();
    letters.sort_unstable();
    let mut all: Vec<_> = help::ORDER
        .split("")
        .filter(|letter| !letter.is_empty())
        .collect();
    all.sort_unstable();
    assert_eq!(letters, all);
}

#[test]
fn every_option_can_be_given() {
    for row in rows().filter(is_real) {
        let name = row.name();
        let with_value = row.argument() == Argument::Required;
        let value = if with_value { good_value(row) } else { "" };
        let args = match row.letter() {
            Some(_) if with_value => vec![format!("-{name}"), value.to_string()],
            Some(_) => vec![format!("-{name}")],
            None => vec!["-o".to_string(), format!("{name}={value}")],
        };
        let outcome = parse("memcached", args.iter().map(OsString::from), false);
        assert!(outcome.is_ok(), "{}: {outcome:?}", row.option);
    }
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
fn settings_are_shown_as_every_memcached_shows_them() {
    let shown: Vec<_> = stats(&run(&[]))
        .iter()
        .map(|(key, value)| format!("{key} {value}"))
        .collect();
    let expected = "\
        maxbytes 67108864,maxconns 1024,tcpport 11211,udpport 0,inter NULL,verbosity 0,\
        oldest 0,evictions on,domain_socket NULL,umask 700,shutdown_command no,\
        growth_factor 1.25,chunk_size 48,num_threads 4,num_threads_per_udp 4,\
        stat_key_prefix :,detail_enabled no,reqs_per_event 20,cas_enabled yes,\
        tcp_backlog 1024,binding_protocol auto-negotiate,auth_enabled_sasl no,\
        auth_enabled_ascii no,item_size_max 1048576,maxconns_fast yes,hashpower_init 0,\
        slab_reassign yes,slab_automove 1,slab_automove_ratio 0.80,slab_automove_window 10,\
        slab_chunk_max 524288,lru_crawler yes,lru_crawler_sleep 100,lru_crawler_tocrawl 0,\
        tail_repair_time 0,flush_enabled yes,dump_enabled yes,hash_algorithm murmur3,\
        lru_maintainer_thread yes,lru_segmented yes,hot_lru_pct 20,warm_lru_pct 40,\
        hot_max_factor 0.20,warm_max_factor 2.00,temp_lru no,temporary_ttl 61,\
        idle_timeout 0,watcher_logbuf_size 262144,worker_logbuf_size 65536,\
        read_buf_mem_limit 0,track_sizes no,inline_ascii_response no,drop_privileges no,num_napi_ids 0,\
        memory_file (null),client_flags_size 4";
    assert_eq!(shown.join(","), expected);
}

#[test]
fn options_change_their_rows_and_no_others() {
    for (args, rows) in [
        (&["-p", " 11212abc"][..], "tcpport 11212"),
        (&["-p", "-1"], "tcpport -1"),
        (&["-p", "abc"], "tcpport 0"),
        (&["-U", "0"], ""),
        (&["-U", "11222"], "tcpport 11222, udpport 11222"),
        (&["-U", "-1"], "tcpport -1, udpport -1"),
        (
            &["-p", "11212", "-U", "11213"],
            "tcpport 11212, udpport 11213",
        ),
        (&["-s", "/tmp/x"], "domain_socket /tmp/x"),
        (&["-a", "777"], "umask 777"),
        (&["-a", "0666"], "umask 666"),
        (&["-a", "0"], "umask 0"),
        (&["-A"], "shutdown_command yes"),
        (&["-l", "a", "-l", "b"], "inter a,b, num_threads_per_udp 1"),
        (&["-l", "127.0.0.11", "-l", "127.0.0.1"], "inter 127.0.0.11"),
        (&["-l", ""], "inter "),
        (&["-m", "4098"], "maxbytes 4297064448"),
        (&["-m", "8388542"], "maxbytes 8796023816192"),
        (&["-M"], "evictions off"),
        (&["-c", "12"], "maxconns 12"),
        (&["-vvvvv"], "verbosity 5"),
        (&["--verbose=3"], "verbosity 1"),
        (&["-f", "1.0001"], "growth_factor 1.00"),
        (&["-n", "100"], "chunk_size 100"),
        (&["-t", "2"], "num_threads 2, num_threads_per_udp 2"),
        (&["-R", "1"], "reqs_per_event 1"),
        (&["-C"], "cas_enabled no"),
        (&["-b", "-1"], "tcp_backlog -1"),
        (&["-B", "ascii"], "binding_protocol ascii"),
        (&["-B", "auto"], ""),
        (&["-B", "binary"], "binding_protocol binary"),
        (&["-S"], "binding_protocol binary, auth_enabled_sasl yes"),
        (
            &["-Y", "/tmp/x"],
            "binding_protocol ascii, auth_enabled_ascii /tmp/x",
        ),
        (&["-I", "512k"], "item_size_max 524288"),
        (&["-I", "2097152"], "item_size_max 2097152"),
        (
            &["-m", "256", "-I", "32m"],
            "maxbytes 268435456, item_size_max 33554432",
        ),
        (
            &[
                "-I",
                "1024",
                "-o",
                "slab_chunk_max=1,no_lru_crawler,no_lru_maintainer",
            ],
            "item_size_max 1024, slab_chunk_max 1024, lru_crawler no, \
             lru_maintainer_thread no, lru_segmented no",
        ),
        (&["-F"], "flush_enabled no"),
        (&["-D", ":"], "detail_enabled yes"),
        (&["-D", "/-"], "stat_key_prefix /, detail_enabled yes"),
        (&["-X"], "dump_enabled no"),
        (
            &["-o", "watcher_logbuf_size=8,worker_logbuf_size=0"],
            "watcher_logbuf_size 8192, worker_logbuf_size 0",
        ),
        (&["-o", "no_maxconns_fast"], "maxconns_fast no"),
        (&["-o", "no_maxconns_fast,maxconns_fast=0"], ""),
        (&["-o", "hashpower=20"], "hashpower_init 20"),
        (&["-o", "hash_algorithm=jenkins"], "hash_algorithm jenkins"),
        (&["-o", "tail_repair_time=10"], "tail_repair_time 10"),
        (
            &[
                "-o",
                "slab_automove=2,no_slab_automove,no_slab_reassign,modern",
            ],
            "slab_reassign no, slab_automove 0",
        ),
        (&["-o", "slab_automove=2,slab_automove"], ""),
        (
            &["-o", "slab_automove_ratio=1,slab_automove_window=3"],
            "slab_automove_ratio 1.00, slab_automove_window 3",
        ),
        (
            &["-o", "lru_crawler_sleep=0,lru_crawler_tocrawl=9"],
            "lru_crawler_sleep 0, lru_crawler_tocrawl 9",
        ),
        (
            &["-o", "hot_lru_pct=1,warm_lru_pct=79"],
            "hot_lru_pct 1, warm_lru_pct 79",
        ),
        (
            &["-o", "hot_max_factor=0.1,warm_max_factor=3"],
            "hot_max_factor 0.10, warm_max_factor 3.00",
        ),
        (
            &["-o", "temporary_ttl=30"],
            "temp_lru yes, temporary_ttl 30",
        ),
        (
            &[
                "-o",
                "no_lru_maintainer,lru_maintainer,no_lru_crawler,lru_crawler",
            ],
            "",
        ),
        (&["-N", "4"], "num_napi_ids 4"),
        (
            &["--napi-ids=9", "-t9"],
            "num_threads 9, num_threads_per_udp 9, num_napi_ids 9",
        ),
        (
            &["-o", "read_buf_mem_limit=2"],
            "read_buf_mem_limit 2097152",
        ),
        (&["-o", "read_buf_mem_limit=4096"], ""),
        (&["-o", "sock_cookie_id=x,sock_cookie_id"], ""),
        (&["-o", "idle_timeout=5"], "idle_timeout 5"),
        (&["-o", "idle_timeout=x"], ""),
        (&["-o", "idle_timeout=-1"], "idle_timeout -1"),
        (&["-o", "slab_chunk_max=16"], "slab_chunk_max 16384"),
        (&["-o", "no_chunked_items"], "slab_chunk_max 1048576"),
        (&["-o", "no_chunked_items", "-I2m"], "item_size_max 2097152"),
        (
            &["-o", "no_modern"],
            "maxconns_fast no, slab_reassign no, slab_automove 0, slab_chunk_max 1048576, \
             lru_crawler no, hash_algorithm jenkins, lru_maintainer_thread no, lru_segmented no",
        ),
        (
            &[
                "-o",
                "slab_chunk_max=4,no_modern,hash_algorithm=xxh3,slab_reassign,lru_maintainer",
            ],
            "maxconns_fast no, slab_automove 0, slab_chunk_max 4096, lru_crawler no, \
             hash_algorithm xxh3",
        ),
        (
            &[
                "-o",
                "no_drop_privileges,inline_ascii_resp,no_inline_ascii_resp",
            ],
            "",
        ),
        (&["-o", "drop_privileges"], "drop_privileges yes"),
        (&["-o", "drop_privileges,no_drop_privileges"], ""),
        (&["-o", ""], ""),
        (&["-o", "modern,"], ""),
        (&["-u", "nobody", "--", "-q"], ""),
        (&["-c", "1", "-c", "2"], "maxconns 2"),
    ] {
        assert_eq!(changed(args), rows, "{args:?}");
    }
}

#[test]
fn fields_that_are_not_shown_are_set_as_well() {
    let settings = run(&["-u", "nobody", "-o", "no_hashexpand,slab_sizes=100-109-200"]);
    assert!(!settings.daemon && !settings.core_dumps && !settings.lock_memory);
    assert!(!settings.large_pages && run(&["-L"]).large_pages);
    let life = run(&["-drk", "-P", "/run/a", "--pidfile= /run/b"]);
    assert!(life.daemon && life.core_dumps && life.lock_memory);
    assert_eq!(life.pid_file.as_deref(), Some("/run/b".as_ref()));
    assert_eq!(settings.user.as_deref(), Some("nobody"));
    assert!(!settings.hash_expand);
    assert_eq!(run(&["-o", "sock_cookie_id=7 "]).socket_mark, 7);
    assert!(settings.watch_enabled && !run(&["-W"]).watch_enabled);
    assert_eq!(settings.slab_sizes, Some(vec![100, 109, 200]));
}

#[test]
fn who_logs_in_speaks_the_protocol_of_the_login() {
    let protocol = |args: &[&str]| run(args).protocol;
    assert_eq!(protocol(&["-S"]), Protocol::Binary);
    assert_eq!(protocol(&["-S", "-B", "binary"]), Protocol::Binary);
    assert_eq!(
        protocol(&["-B", "auto", "-S", "-B", "binary"]),
        Protocol::Binary
    );
    assert_eq!(protocol(&["-Y", "f"]), Protocol::Ascii);
    assert_eq!(protocol(&["-Y", "f", "-B", "ascii"]), Protocol::Ascii);
    assert_eq!(protocol(&["-S", "-Y", "f"]), Protocol::Ascii);

    let no_text = (format!("{SASL_IS_BINARY}\n"), 64);
    for args in [
        &["-S", "-B", "auto"][..],
        &["-B", "ascii", "-S"],
        &["-S", "-B", "binary", "-B", "ascii"],
        &["-S", "-Y", "f", "-B", "ascii"],
    ] {
        assert_eq!(refused(args), no_text, "{args:?}");
    }
    let no_binary =
        "ERROR: You cannot allow the BINARY protocol while using ascii authentication tokens.\n";
    for args in [
        &["-Y", "f", "-B", "auto"][..],
        &["-B", "binary", "-Y", "f"],
        &["-S", "-Y", "f", "-B", "binary"],
    ] {
        assert_eq!(refused(args), (no_binary.to_string(), 64), "{args:?}");
    }
}

#[test]
fn who_logs_in_does_so_over_a_connection() {
    let sasl = "ERROR: Cannot enable UDP while using binary SASL authentication.\n";
    let text = "Cannot use UDP with ascii authentication enabled (-U 0 to disable)\n";
    for port in ["11211", "-1"] {
        assert_eq!(refused(&["-S", "-U", port]), (sasl.into(), 64));
        assert_eq!(refused(&["-U", port, "-Y", "f"]), (text.into(), 64));
    }
    assert!(run(&["-S", "-U", "0"]).sasl);
    assert!(run(&["-Y", "f", "-U", "0"]).auth_file.is_some());
}

#[test]
fn bad_values_are_refused_in_the_known_words() {
    for (args, line, exit_code) in [
        (
            &["-c", "0"][..],
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
    ] {
        assert_eq!(refused(args), (format!("{line}\n"), exit_code), "{args:?}");
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
fn options_act_from_left_to_right() {
    assert_eq!(print(&["-V", "-c", "0"]), format!("memcached {VERSION}\n"));
    assert_eq!(refused(&["-c", "0", "-V"]).1, 1);
    assert!(
        refused(&["-c", "0", "-q"])
            .0
            .starts_with("Maximum connections")
    );
    assert!(print(&["-c", "200", "-h", "-q"]).contains("(default: 200)"));
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
fn help_explains_what_is_there_and_promises_nothing_else() {
    let text = print(&["-h"]);
    assert_eq!(text.lines().next(), Some(&*format!("memcached {VERSION}")));
    for row in rows().filter(is_real).filter(|row| !row.help.is_empty()) {
        let option = match row.extended() {
            Some(name) => format!("\n    - {name}:"),
            None => format!("\n{} ", row.option),
        };
        assert!(text.contains(&option), "{option}");
    }
    let lower = text.to_lowercase();
    assert!(lower.contains("no_drop_privileges"));
    for word in ["ext_path", "enable-ssl", "proxy_config"] {
        assert!(!lower.contains(word), "{word}");
    }
    assert!(
        text.lines()
            .all(|line| line.is_ascii() && line.len() <= 100),
        "{text}"
    );
}

#[test]
fn licence_follows_the_version() {
    let text = print(&["-i"]);
    assert!(text.starts_with(&format!("memcached {VERSION}\n\nCopyright")));
}

#[test]
fn the_least_hash_table_is_that_of_the_reference() {
    let powers = [1, 2, 3, 4, 5, 10, 11, 20, 21, 1000].map(checks::reference_lock_power);
    assert_eq!(powers, [10, 10, 11, 12, 13, 13, 14, 14, 15, 15]);
    assert_eq!(run(&["-t1", "-ohashpower=12"]).hash_power, 12);
}

#[test]
fn live_settings_change_while_others_look() {
    let settings = Settings::default();
    settings.memory_bytes.set(8 << 20);
    settings.verbosity.set(2);
    assert_eq!(stats(&settings)[0].1, "8388608");
    assert_eq!(settings.verbosity.get(), 2);
}
