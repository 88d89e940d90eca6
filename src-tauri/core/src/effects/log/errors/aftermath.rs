//! What follows an error and says nothing of it.

use std::sync::LazyLock;

use super::patterns::Pattern;

/// Headings of what is said next, and what launchers and servers say when what they run has ended.
static AFTERMATH: LazyLock<Pattern> = LazyLock::new(|| {
    Pattern::new(
        r"(?x)
        Traceback\ \(most\ recent\ call\ last\)
      | Exception\ in\ ASGI\ application\s*$
      | Application\ (?:startup|shutdown)\ failed
      | ^Node\.js\ v\d
      | ^note:\ run\ with\ `RUST_BACKTRACE
      | ^exit\ status\ \d+$
      | ^error\ when\ starting\ dev\ server:$
      | ^make(?:\[\d+\])?:\ \*\*\*
      | ^error:\ Recipe\ `
      | ^error:\ script\ .*\ (?:exited|was\ terminated)
      | ^error:\ process\ didn't\ exit\ successfully
      | \bELIFECYCLE\b
      | ^\s*(?:error\s+)?Command\ failed\ with\ exit\ code
      | ^error\ Command\ failed
      | Worker\ \(pid:\d+\)\ (?:exited|was\ sent|failed)
      | Worker\ failed\ to\ boot
      | \]\ Shutting\ down:\ Master
      | Fatal\ error\ loading\ the\ DB:\ Invalid\ argument
      | Failed\ listening\ on\ port\ \d+
      | ^(?:KeyboardInterrupt|SystemExit(?::\ .*)?|asyncio\.exceptions\.CancelledError(?::\ .*)?)$
      | ^Emitted\ 'error'\ event
      | ^Error:\ Process\ completed\ with\ exit\ code
      | error\ Lifecycle\ script\ .*\ failed
        ",
    )
});

/// What npm says besides: the numbers of the error, where its own log is.
static NPM: LazyLock<Pattern> = LazyLock::new(|| {
    Pattern::new(
        r"(?x)^npm\ (?:ERR!|error)(?:
            (?:\s+(?:enoent|eacces))?\s*$
          | \s+(?:code|errno|syscall|path|dest|command|workspace|location|in\ workspace|signal)\b
          | \s+(?:enoent|eacces)?\s*This\ is\ (?:related\ to|probably\ not)
          | \s+(?:Did\ you\ mean|To\ see\ a\ list|There\ is\ likely|A\ complete\ log|If\ you\ need\ help)
          | \s+\s
          | \s+Lifecycle\ script
          | \s+Exit\ status
          | \s+.*:\ `.*`$
          | \s+Failed\ at\ the
        )",
    )
});

/// Whether the line only follows from an error.
pub(super) fn is_aftermath(text: &str) -> bool {
    AFTERMATH.is_match(text) || NPM.is_match(text)
}
