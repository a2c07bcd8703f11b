//! What options change, and what they do not.

use super::super::{Protocol, SASL_IS_BINARY, Settings, VERSION};
use super::{changed, print, refused, run, stats};

/// Options, and the rows of `stats settings` that they change.
const CHANGES: &[(&[&str], &str)] = &[
    (&["-p", " 11212abc"], "tcpport 11212"),
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
];

#[test]
fn options_change_their_rows_and_no_others() {
    for (args, rows) in CHANGES {
        assert_eq!(changed(args), *rows, "{args:?}");
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
fn live_settings_change_while_others_look() {
    let settings = Settings::default();
    settings.memory_bytes.set(8 << 20);
    settings.verbosity.set(2);
    assert_eq!(stats(&settings)[0].1, "8388608");
    assert_eq!(settings.verbosity.get(), 2);
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
