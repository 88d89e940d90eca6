//! `pilotlight ui`: the page of the window in a browser, for this computer only.
//!
//! A request is only answered for a loopback host name, which stops DNS rebinding. The socket also needs the
//! page's own origin and a `SameSite=Strict` cookie, which is given once for the token in the fragment of the
//! printed link. The cookie alone is not enough, because all ports of a host share it: a page of another local
//! server has another origin. The browser may be on another computer, so the calls that open files or choose
//! folders are left out. The command is the daemon while it runs, and leaves running services to a daemon in
//! the background when it exits.

mod calls;
mod connection;
mod site;

use std::{io::Write as _, net::Ipv4Addr, path::Path, sync::Arc};

use pilotlight::{
    app::AppState,
    control::{Control as _, Lock},
    effects::process::program_name,
    fs::home::Home,
    host::{daemon::Daemon, logging},
    stack::Port,
};
use tokio::net::TcpListener;

use self::site::Site;
use crate::{
    args::Ui,
    commands::service::open_page,
    context::Context,
    daemon::{listen, start_in_background},
    failure::{Ending, Failure, tell},
    paint,
};

/// The name of the program of the tray application.
const APP: &str = "pilot-light";

/// Serves the page until Ctrl-C. This process is the daemon meanwhile; services that still run are left to
/// a daemon in the background afterwards.
pub(crate) async fn run(context: &Context, asked: &Ui) -> Result<Ending, Failure> {
    refuse_beside_app(&context.home)?;
    let port = asked.port.map_or(0, Port::number);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    let listener = listener.map_err(Failure::system("listen on 127.0.0.1"))?;
    let port = listener.local_addr()?.port();
    let mut endings = listen()?;
    context.home.prepare()?;
    logging::open(context.home.state(), "keeper")?;
    let daemon = Daemon::take_over(&context.home).await?;
    let (state, remark) = AppState::open(&context.home, &daemon.handle);
    let mut remarks = daemon.remarks.clone();
    remarks.extend(remark);
    if let Ok(file) = context.find() {
        remarks.extend(state.add(&file).err().map(|error| error.to_string()));
    }
    for remark in &remarks {
        tracing::warn!("{remark}");
    }
    let site = Site::new(state, port)?;
    let address = site.link();
    let mut out = paint::out();
    writeln!(out, "{address}")?;
    writeln!(
        out,
        "This link works once. Press Ctrl-C to close the page; services keep running."
    )?;
    out.flush()?;
    let open = async {
        // A browser may run as long as the command that opens it.
        if !asked.no_open && !open_page(&address).await {
            drop(tell(
                "no browser could be opened",
                Some("open the link above"),
            ));
        }
        std::future::pending::<bool>().await
    };
    let taken_over = tokio::select! {
        never = open => never,
        () = Arc::new(site).serve(listener) => false,
        _ = endings.next() => false,
        () = daemon.handle.ended() => true,
    };
    let snapshot = daemon.handle.snapshot().borrow().clone();
    let still_runs = snapshot.stacks.iter().any(|stack| !stack.is_dark());
    daemon.end().await;
    if taken_over {
        tell(
            "another Pilot Light has replaced this one; services keep running",
            None,
        )?;
        return Ok(Ending::Undone);
    }
    if still_runs {
        start_in_background(&context.home).await?;
        let say = "Services keep running. Stop them with `pilotlight down`.";
        writeln!(paint::out(), "{say}")?;
    }
    Ok(Ending::Done)
}

/// Fails if the tray application is running, which would have to quit first.
fn refuse_beside_app(home: &Home) -> Result<(), Failure> {
    let pid = Lock::holder(home).and_then(|holder| holder.pid);
    let Some(pid) = pid.filter(|pid| program_name(*pid).is_some_and(|name| is_app(&name))) else {
        return Ok(());
    };
    Err(Failure::Refused(format!(
        "the Pilot Light app is running (PID {pid}); use its window, or quit it first"
    )))
}

fn is_app(program: &str) -> bool {
    Path::new(program)
        .file_stem()
        .is_some_and(|stem| stem == APP)
}
