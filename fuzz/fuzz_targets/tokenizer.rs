#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: bakeoff_fuzz::libraries_may_panic(),
    |data: &[u8]| bakeoff_qa::fuzzing::tokenizer(data)
);
