#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use pilotlight::control::{Hello, Request, Response, Wire, WireError};

const LIMIT: usize = 4096;

fuzz_target!(|bytes: &[u8]| {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mut wire = Wire::new(Cursor::new(bytes.to_vec()), LIMIT);
        if !read::<Hello>(&mut wire).await {
            return;
        }
        while read::<Request>(&mut wire).await {}
    });
    // The receiver must be able to read it.
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Ok(response) = serde_json::from_slice::<Response>(line) {
            let written = serde_json::to_vec(&response).expect("it can be written");
            let again: Response = serde_json::from_slice(&written).expect("it can be read again");
            assert_eq!(again, response);
        }
    }
});

/// Reads a message and returns whether another one can follow.
async fn read<T>(wire: &mut Wire<Cursor<Vec<u8>>>) -> bool
where
    T: serde::de::DeserializeOwned + serde::Serialize + PartialEq + std::fmt::Debug,
{
    match wire.receive::<T>().await {
        Ok(Some(message)) => {
            let written = serde_json::to_vec(&message).expect("it can be written");
            let again: T = serde_json::from_slice(&written).expect("it can be read again");
            assert_eq!(again, message);
            true
        }
        Err(WireError::Malformed(_)) => true,
        Ok(None) | Err(_) => false,
    }
}
