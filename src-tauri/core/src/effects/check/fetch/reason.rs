//! Why the page does not get to see an answer, where the answer alone does not say.
//!
//! A browser knows no more than that a header is missing. What is missing may be that of an error
//! path that forgot it, of settings that name another origin, of a server that has never heard of
//! CORS. A preflight or two that no browser sends tell these apart.

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
    /// What it means that the page does not get to see the answer to its request.
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
        // An answer without a word of CORS leaves open whether its server knows of it.
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
            // Whatever it is, it is in front of what may know of CORS.
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

    /// The rule that a preflight breaks, where its answer does not say which. Some servers say
    /// nothing at all once one thing is not allowed: not the origin either, if it is the method.
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

    /// Looks whether the page would be let in under the other name of this machine.
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

    /// Sends a preflight that no browser sends, to learn what the settings are: `Err(None)` if no
    /// answer came.
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
