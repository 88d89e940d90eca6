//! Effects: everything that reads or changes files, processes, ports and connections. Each effect
//! reports back as an event of the model; none makes decisions.

pub mod check;
pub mod container;
pub mod env;
pub mod gather;
pub mod log;
pub mod port;
pub mod probe;
pub mod process;
pub mod remedy;
pub mod watch;
