//! The page of a run. In: an address. Out: the page served there, and its sign-in link on the terminal. Without the
//! feature `web` there is none.

#[cfg(feature = "web")]
pub use with::Page;
#[cfg(not(feature = "web"))]
pub use without::Page;

#[cfg(feature = "web")]
mod with {
    use std::path::PathBuf;

    use anyhow::Result;
    use tokio::sync::watch;

    use crate::clouds::Mode;
    use crate::daemon::run::Parts;
    use crate::daemon::state::RunState;
    use crate::fleet::LeaseSettings;
    use crate::view::terminal::Terminal;
    use crate::web::Settings;
    use crate::web::server::{Listening, Sources, serve};

    /// A page whose address is taken.
    pub struct Page {
        listening: Listening,
        fleet_name: String,
        lease: LeaseSettings,
        entry: Option<String>,
        is_kept: bool,
    }

    impl Page {
        /// Takes the address.
        pub fn at(settings: &Settings, fleet_name: &str, lease: &LeaseSettings) -> Result<Page> {
            let (listening, fleet_name, lease) = (Listening::at(settings)?, fleet_name.to_owned(), lease.clone());
            Ok(Page { listening, fleet_name, lease, entry: None, is_kept: true })
        }

        /// Keeps nothing across restarts.
        pub fn in_memory(self) -> Page {
            Page { is_kept: false, ..self }
        }

        /// Tells the link to sign in by. `entry` is where requests enter the fleet.
        pub fn open(self, terminal: &Terminal, entry: Option<String>) -> Result<Page> {
            terminal.line(&match self.listening.link()? {
                Some(link) => format!("The page, for the next minute and one browser: {link}"),
                None => format!("The page, for those who have a password: {}", self.listening.page()),
            });
            Ok(Page { entry, ..self })
        }

        /// Serves it until the run has ended. A failure is a warning.
        pub fn serve(self, parts: &Parts, states: watch::Receiver<RunState>) -> impl Future<Output = ()> + use<> {
            let Page { listening, fleet_name, lease, entry, is_kept } = self;
            let history = if is_kept { history_file(&parts.mode, &fleet_name) } else { None };
            let (mode, fleet, journal) = (parts.mode.clone(), parts.fleet.clone(), parts.journal.clone());
            let (metrics, policies) = (parts.metrics.clone(), parts.policies.clone());
            let sources =
                Sources { mode, fleet_name, lease, entry, fleet, policies, journal, states, metrics, history };
            async {
                if let Err(error) = serve(listening, sources).await {
                    tracing::warn!("the page has ended: {error}");
                }
            }
        }
    }

    /// Where the chart's points are kept: a file a fleet, in the user's folder for such things.
    fn history_file(mode: &Mode, fleet_name: &str) -> Option<PathBuf> {
        let folder = dirs::state_dir().or_else(dirs::data_local_dir)?.join("handwave");
        let place = match mode {
            Mode::DryRun => "simulated".to_owned(),
            Mode::Live { account, region } => format!("{account}-{region}"),
        };
        // A fleet's name is any text, a file's is not.
        let name: String = fleet_name.chars().map(|c| if c.is_alphanumeric() || c == '-' { c } else { '_' }).collect();
        Some(folder.join(format!("instances-{place}-{name}.jsonl")))
    }
}

#[cfg(not(feature = "web"))]
mod without {
    use anyhow::Result;
    use tokio::sync::watch;

    use crate::daemon::run::Parts;
    use crate::daemon::state::RunState;
    use crate::view::terminal::Terminal;

    /// There is none.
    pub enum Page {}

    impl Page {
        pub fn in_memory(self) -> Page {
            self
        }

        pub fn open(self, _: &Terminal, _: Option<String>) -> Result<Page> {
            Ok(self)
        }

        pub fn serve(self, _: &Parts, _: watch::Receiver<RunState>) -> impl Future<Output = ()> + use<> {
            async move { match self {} }
        }
    }
}
