//! The fuzzer's way into `binary`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| memcached_fuzz::binary(data));
