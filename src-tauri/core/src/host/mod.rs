//! This process: its role as a daemon, its log, its signals, its environment and its clock.

pub mod background;
pub mod clock;
pub mod daemon;
pub mod identity;
pub mod logging;
pub mod own_variables;
pub mod signals;
