//! The fuzzer's way into `udp`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| memcached_fuzz::udp(data));
