//! The fuzzer's way into `text`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| memcached_fuzz::text(data));
