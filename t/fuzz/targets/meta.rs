//! The fuzzer's way into `meta`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| memcached_fuzz::meta(data));
