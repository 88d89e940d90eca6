#![no_main]

use std::{
    cell::OnceCell,
    time::{Duration, SystemTime},
};

use libfuzzer_sys::fuzz_target;
use pilotlight::{
    effects::log::{Query, Reader, RunLog, ServiceLogs},
    model::facts::RunId,
};
use tempfile::TempDir;

thread_local! {
    static LOGS: OnceCell<(TempDir, ServiceLogs, RunLog)> = const { OnceCell::new() };
}

// The first byte is the length of the log, the rest its index.
fuzz_target!(|bytes: &[u8]| {
    let Some((lines, index)) = bytes.split_first() else {
        return;
    };
    LOGS.with(|logs| {
        let (_folder, logs, run) = logs.get_or_init(|| {
            let folder = pilotlight_fuzz::folder();
            let logs = ServiceLogs::open(folder.path().join("stack").join("service"));
            drop(logs.create(RunId(1)).expect("a log"));
            let run = logs.run(RunId(1));
            (folder, logs, run)
        });
        let text: String = (0..*lines)
            .map(|number| format!("line {number}\n"))
            .collect();
        pilotlight_fuzz::write(&run.log().to_owned(), text.as_bytes());
        pilotlight_fuzz::write(&run.index().to_owned(), index);
        let since = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        for query in [
            Query::default(),
            Query {
                tail: Some(3),
                ..Query::default()
            },
            Query {
                since: Some(since),
                ..Query::default()
            },
        ] {
            let reader = Reader::open(logs, query).expect("readable logs");
            let count = reader.map(|line| line.expect("a readable line")).count();
            assert!(count <= usize::from(*lines));
        }
    });
});
