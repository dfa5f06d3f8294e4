//! JSON in the columns of the history; large values are compressed.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::DamagedRun;

/// Maximum size of a decompressed value, in bytes. A larger one is not from Bakeoff.
const MOST_BYTES: u64 = 1 << 28;

pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("records have string keys and no failing serializers")
}

pub(super) fn pack(value: &impl Serialize) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(json(value).as_bytes());
    written
        .and_then(|()| encoder.finish())
        .expect("writing to a vector cannot fail")
}

pub(super) fn unpack<Value: DeserializeOwned>(bytes: &[u8]) -> Result<Value, DamagedRun> {
    let mut json = Vec::new();
    let mut decoder = DeflateDecoder::new(bytes).take(MOST_BYTES);
    decoder
        .read_to_end(&mut json)
        .map_err(DamagedRun::Compression)?;
    serde_json::from_slice(&json).map_err(DamagedRun::Json)
}
