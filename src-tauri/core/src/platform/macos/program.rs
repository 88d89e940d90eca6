//! The current program: functions of [`crate::platform::unix::program`].

pub(crate) use crate::platform::{
    elsewhere::{fork_in_background, give_memory_back, save_memory},
    unix::program::{
        Endings, ForkOutput, Keys, Resizes, assume_identity, begin_anew, close_output, detach,
        exit_code, hide, raise_file_limit, spawn_in_background,
    },
};
