//! Explains why a page cannot read a response that does not show the reason itself.
//!
//! A browser only knows that a header is missing. The cause may be an error path that omits it,
//! settings that name another origin, or a server without CORS. One or two extra preflights, which
//! no browser sends, distinguish these cases.

use hyper::HeaderMap;

use super::{Fetch, Leg, asking_leave, explanation, fault};
use crate::{
    diagnose::evidence::check::{CheckFault, CheckNote, CorsRule, RedactedError, Stage},
    effects::{
        check::cors::{self, Asking, Broken, Leave},
        probe::http::Answer,
    },
};

impl Fetch<'_, '_> {
    /// Returns the reason why the page cannot read the response to its request.
    pub(super) async fn refused(
        &mut self,
        leg: &Leg<'_>,
        preflighted: bool,
        answer: &Answer,
        broken: Broken,
    ) -> CheckFault {
        let is_unsaid = matches!(
            broken.rule,
            CorsRule::Missing | CorsRule::Origin { allowed: None }
        );
        if !is_unsaid || preflighted && !is_error(answer, leg) {
            let broken = self.with_other_name(leg, broken).await;
            return fault(Stage::Request, leg, answer, broken);
        }
        // A response without CORS headers does not show whether its server handles CORS.
        let leave = Leave {
            method: &leg.request.method,
            names: &[],
        };
        let settings = if preflighted {
            Ok(())
        } else {
            self.inquire(leg, &leg.origin, leave).await
        };
        let masked = CheckFault::Redacted(RedactedError {
            status: answer.status(),
            body: explanation(answer),
            preflighted,
        });
        match settings {
            Ok(()) if is_error(answer, leg) => masked,
            // The error comes from a layer in front of any CORS middleware.
            Err(told)
                if told
                    .as_ref()
                    .is_none_or(|told| told.rule == CorsRule::Status)
                    && is_error(answer, leg) =>
            {
                self.conversation.note(CheckNote::Unsettled);
                masked
            }
            Err(Some(told)) if matches!(told.rule, CorsRule::Origin { .. }) => {
                let broken = self.with_other_name(leg, told).await;
                fault(Stage::Request, leg, answer, broken)
            }
            Ok(()) | Err(_) => fault(Stage::Request, leg, answer, broken),
        }
    }

    /// Returns the rule that a preflight violates if its response does not show which. Some servers
    /// omit all CORS headers once one thing is not allowed: the origin too, if it is the method.
    pub(super) async fn explained(
        &mut self,
        leg: &Leg<'_>,
        leave: Leave<'_>,
        broken: Broken,
    ) -> Broken {
        let unsaid = CorsRule::Origin { allowed: None };
        if broken.rule != unsaid {
            return self.with_other_name(leg, broken).await;
        }
        let least = Leave {
            method: "GET",
            names: &[],
        };
        if self.inquire(leg, &leg.origin, least).await.is_err() {
            return self.with_other_name(leg, broken).await;
        }
        let nameless = Leave {
            names: &[],
            ..leave
        };
        let is_names =
            !leave.names.is_empty() && self.inquire(leg, &leg.origin, nameless).await.is_ok();
        if is_names {
            cors::lacking_names(&HeaderMap::new(), leave.names)
        } else {
            cors::lacking_method(&HeaderMap::new(), leave.method)
        }
    }

    /// Notes whether the page would be allowed under the other name of this machine.
    async fn with_other_name(&mut self, leg: &Leg<'_>, broken: Broken) -> Broken {
        let CorsRule::Origin { allowed } = &broken.rule else {
            return broken;
        };
        let Some(other) = self.page.under_other_name() else {
            return broken;
        };
        let least = Leave {
            method: "GET",
            names: &[],
        };
        let is_let_in = match allowed {
            Some(allowed) => *allowed == other,
            None => self.inquire(leg, &other, least).await.is_ok(),
        };
        if is_let_in {
            self.conversation
                .note(CheckNote::OtherName { allowed: other });
        }
        broken
    }

    /// Sends a preflight that no browser sends, to learn the settings: `Err(None)` if there was no
    /// response.
    async fn inquire(
        &mut self,
        leg: &Leg<'_>,
        origin: &str,
        leave: Leave<'_>,
    ) -> Result<(), Option<Broken>> {
        let request = asking_leave(leg.request, origin, leave);
        let answer = self.conversation.send(Stage::Inquiry, &request).await;
        let answer = answer.map_err(|_| None)?;
        let asking = Asking {
            origin,
            credentials: self.credentials,
        };
        cors::judge_preflight(answer.status(), &answer.head.headers, asking, leave).map_err(Some)
    }
}

fn is_error(answer: &Answer, leg: &Leg<'_>) -> bool {
    let status = answer.status();
    status >= 400 && !leg.request.expect.takes_status(status)
}
