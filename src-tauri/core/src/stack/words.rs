//! The values of a stack file that are one of several words.

/// A value that is one of several words in a stack file.
pub(crate) trait Word: Copy + 'static {
    /// The words and their values.
    const WORDS: &'static [(&'static str, Self)];
}

/// Defines such a value from its variants and the word of each.
macro_rules! words {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $( $(#[$variant_meta:meta])* $variant:ident = $word:literal, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        pub enum $name {
            $( $(#[$variant_meta])* #[serde(rename = $word)] $variant, )*
        }

        impl Word for $name {
            const WORDS: &'static [(&'static str, Self)] = &[$( ($word, Self::$variant), )*];
        }

        impl $name {
            /// Returns its word.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $( Self::$variant => $word, )*
                }
            }
        }
    };
}

words! {
    /// What Pilot Light may do automatically.
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub enum Mode {
        /// Holders of the stack's ports may be stopped, under the port rules.
        #[default]
        Development = "development",
        /// No process is stopped that Pilot Light did not start.
        Production = "production",
    }
}

words! {
    /// Whether a stack uses ports of its own beside other checkouts.
    pub enum PortAssignment {
        /// If a running service of another checkout of the same repository has one of its ports.
        #[default]
        Auto = "auto",
        /// Never: a port that is in use blocks the start.
        Fixed = "fixed",
        /// Always.
        Own = "own",
    }
}

words! {
    /// The standard input of a service.
    pub enum Input {
        /// Stays open and empty, until `pilotlight send` writes to it.
        #[default]
        Open = "open",
        /// Is at its end.
        Null = "null",
    }
}

words! {
    /// The state that a dependency must reach first.
    pub enum Need {
        /// Its probes pass.
        #[default]
        Ready = "ready",
        /// Its process runs.
        Started = "started",
        /// It has exited with code 0.
        Completed = "completed",
    }
}

words! {
    /// When a service is restarted automatically.
    pub enum Restart {
        /// When it fails. An unrequested exit with code 0 after being ready is a failure too.
        #[default]
        OnFailure = "on-failure",
        /// After every exit.
        Always = "always",
        /// Never.
        Never = "never",
    }
}

words! {
    /// What to do when it becomes unhealthy.
    pub enum OnUnhealthy {
        /// Report it. A developer may be using a debugger.
        #[default]
        Notify = "notify",
        /// Restart it.
        Restart = "restart",
    }
}

words! {
    /// What to do when the port of a service is in use.
    pub enum PortConflict {
        /// Stop leftovers of this stack; any other holder blocks the start. In production nothing is
        /// stopped.
        #[default]
        Replace = "replace",
        /// Stop any holder, as far as the port rules allow. In production nothing is stopped.
        Force = "force",
        /// Block the start.
        Fail = "fail",
        /// Use the next free port.
        Next = "next",
    }
}

words! {
    /// A signal in a stack file.
    pub enum Signal {
        /// SIGTERM
        #[default]
        Terminate = "SIGTERM",
        /// SIGINT
        Interrupt = "SIGINT",
        /// SIGQUIT
        Quit = "SIGQUIT",
        /// SIGHUP
        HangUp = "SIGHUP",
        /// SIGUSR1
        User1 = "SIGUSR1",
        /// SIGUSR2
        User2 = "SIGUSR2",
        /// SIGKILL
        Kill = "SIGKILL",
    }
}
