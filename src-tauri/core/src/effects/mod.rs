//! What touches the world. Each effect reports back as an event of the model; none decides.

pub mod check;
pub mod environment;
pub mod evidence;
pub mod log;
pub mod login_shell;
pub mod port;
pub mod probe;
pub mod process;
pub mod remedy;
pub mod stack_file_text;
