//! The stacks that a client may see: those inside its roots or its working folder.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use pilotlight::stack_file;
use tokio::time::timeout;
use url::Url;

use super::calls::Call;
use crate::{context::Context, failure::Failure};

/// The time limit for a client to name its roots.
const ROOTS: Duration = Duration::from_secs(2);

impl Call<'_> {
    /// Returns the stack of a path, or of the working folder, if the client may see it.
    pub(super) async fn stack(&self, named: Option<&str>) -> Result<(Context, PathBuf), Failure> {
        let folder = &self.server.folder;
        let places = self.places().await;
        let mut found = stack_file::find(&folder.join(named.unwrap_or(".")));
        for place in places.iter().filter(|_| named.is_none()) {
            if found.is_err() {
                found = stack_file::find(place).or(found);
            }
        }
        let file = found?;
        if !is_within(&file, &places) {
            return Err(outside(&file));
        }
        let context = Context::of(self.server.home.clone(), file.clone());
        Ok((context, file))
    }

    /// Returns a project folder, if the client may see it.
    pub(super) async fn folder(&self, named: Option<&str>) -> Result<PathBuf, Failure> {
        let folder = self.server.folder.join(named.unwrap_or("."));
        let folder = folder.canonicalize();
        let folder = folder.map_err(Failure::system("find the folder"))?;
        if self
            .places()
            .await
            .iter()
            .any(|place| folder.starts_with(place))
        {
            Ok(folder)
        } else {
            Err(outside(&folder))
        }
    }

    /// Fails if the client may not see the stack of a file.
    pub(super) async fn expect_within(&self, file: &Path) -> Result<(), Failure> {
        if is_within(file, &self.places().await) {
            Ok(())
        } else {
            Err(outside(file))
        }
    }

    /// Returns the folders of the client, canonical: its roots and its working folder.
    async fn places(&self) -> Vec<PathBuf> {
        let mut places = self.roots().await;
        let folder = &self.server.folder;
        // An application that was started from the desktop has no project folder.
        let is_everything =
            folder.parent().is_none() || std::env::home_dir().as_ref() == Some(folder);
        if !is_everything {
            places.push(folder.clone());
        }
        let places = places.into_iter();
        places
            .filter_map(|place| place.canonicalize().ok())
            .collect()
    }

    #[expect(deprecated, reason = "current clients name their folders this way")]
    async fn roots(&self) -> Vec<PathBuf> {
        let capabilities = self.context.client_capabilities();
        if capabilities.is_none_or(|capabilities| capabilities.roots.is_none()) {
            return Vec::new();
        }
        let Ok(Ok(listed)) = timeout(ROOTS, self.context.peer.list_roots()).await else {
            return Vec::new();
        };
        let roots = listed.roots.into_iter();
        roots
            .filter_map(|root| Url::parse(&root.uri).ok()?.to_file_path().ok())
            .collect()
    }
}

/// Returns whether the folder of a stack file is inside a place, or the place is inside the folder and
/// belongs to that stack.
fn is_within(file: &Path, places: &[PathBuf]) -> bool {
    let Some(folder) = file.parent().and_then(|folder| folder.canonicalize().ok()) else {
        return false;
    };
    places.iter().any(|place| {
        folder.starts_with(place)
            || (place.starts_with(&folder)
                && stack_file::find(place).is_ok_and(|nearest| nearest == file))
    })
}

fn outside(path: &Path) -> Failure {
    Failure::Refused(format!(
        "{} is outside this client's folders; ask the user to run `pilotlight` there",
        path.display()
    ))
}
