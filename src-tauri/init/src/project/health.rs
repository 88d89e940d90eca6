//! Finds the health page of a running service.

use std::{collections::BTreeMap, time::Duration};

use pilotlight::{
    effects::probe::{Context, Prober},
    stack::{Expect, HttpRequest, Probe},
};

use crate::draft::{self, DraftService, Kind, Origin};

/// The usual paths of health pages.
const PATHS: &str = "/health /healthz /api/health /v1/health /api/v1/health /health/ready /ready /readyz /actuator/health /up";

/// A health page that takes longer is not useful.
const TIME_LIMIT: Duration = Duration::from_secs(2);

/// Sets the readiness probe of a service whose health page responds with 200.
pub(super) async fn find(service: &mut DraftService) {
    let is_app = service.kind != Kind::Store && service.external.is_none();
    let Some(port) = service
        .port
        .as_ref()
        .filter(|_| is_app && service.ready.is_none())
    else {
        return;
    };
    let (prober, context) = (Prober::default(), Context::default());
    let responds = async |path: &str| {
        let probe = Probe::Http(Box::new(HttpRequest {
            method: "GET".to_owned(),
            url: format!("http://localhost:{}{path}", port.value),
            headers: BTreeMap::new(),
            body: None,
            expect: Expect {
                status: vec![200],
                json: None,
                text: None,
                headers: BTreeMap::new(),
            },
        }));
        prober.probe(&probe, &context, TIME_LIMIT).await.is_ok()
    };
    // A server that responds to every path with 200 has no health page.
    let paths = if responds("/no-such-page-of-pilot-light").await {
        "/"
    } else {
        PATHS
    };
    for path in paths.split_whitespace() {
        if responds(path).await {
            let page = draft::Probe::page(path);
            service.ready = Some(Origin::known("it responds with 200").says(page.into()));
            return;
        }
    }
}
