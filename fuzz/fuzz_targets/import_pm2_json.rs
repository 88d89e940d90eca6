#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| pilotlight_fuzz::import("ecosystem.json", text));
