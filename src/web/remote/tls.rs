//! The server's certificate. In: its file and its key's file, as PEM. Out: what rustls serves by, read again when the
//! files change.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::watched::Watched;

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("cannot read the {what} {}: {reason}", path.display())]
    Unreadable { what: &'static str, path: PathBuf, reason: io::Error },
    #[error("{} has no {what} as PEM: {reason}", path.display())]
    NoPem { what: &'static str, path: PathBuf, reason: &'static str },
    #[error("the certificate {} and the key {} cannot be served: {reason}", certificate.display(), key.display())]
    Unfit { certificate: PathBuf, key: PathBuf, reason: rustls::Error },
}

/// A certificate that is served, and its files.
pub struct Tls {
    served: watch::Sender<Arc<ServerConfig>>,
    certificate: PathBuf,
    key: PathBuf,
    watched: Watched,
}

impl Tls {
    /// Reads the certificate, with those that lead to its issuer, and its key.
    pub fn of(certificate: &Path, key: &Path) -> Result<Tls, TlsError> {
        let watched = Watched::at(&[certificate, key]);
        let served = watch::Sender::new(read(certificate, key)?);
        Ok(Tls { served, certificate: certificate.to_owned(), key: key.to_owned(), watched })
    }

    /// What takes connections, always by the newest certificate.
    pub fn acceptor(&self) -> Acceptor {
        Acceptor(self.served.subscribe())
    }

    /// Reads the files again where they have changed. What cannot be served is a warning, and the old one goes on: a
    /// renewal replaces one file after the other.
    pub fn refresh(&mut self) {
        if !self.watched.has_changed() {
            return;
        }
        match read(&self.certificate, &self.key) {
            Ok(config) => {
                self.served.send_replace(config);
                tracing::info!("the page is served by the new certificate in {}", self.certificate.display());
            }
            Err(error) => tracing::warn!("the page keeps its old certificate: {error}"),
        }
    }
}

/// Takes connections over TLS. Clones are the same.
#[derive(Clone)]
pub struct Acceptor(watch::Receiver<Arc<ServerConfig>>);

impl Acceptor {
    pub async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let newest = self.0.borrow().clone();
        TlsAcceptor::from(newest).accept(stream).await
    }
}

fn read(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let text = text("certificate", certificate)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let chain = chain.and_then(|chain| if chain.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(chain) });
    let chain = chain.map_err(no_pem("certificate", certificate))?;
    let secret = PrivateKeyDer::from_pem_slice(&self::text("key", key)?).map_err(no_pem("key", key))?;
    let unfit = |reason| TlsError::Unfit { certificate: certificate.to_owned(), key: key.to_owned(), reason };
    // The provider is named, not the process's: nothing global is set.
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(unfit)?;
    let mut config = builder.with_no_client_auth().with_single_cert(chain, secret).map_err(unfit)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn text(what: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|reason| TlsError::Unreadable { what, path: path.to_owned(), reason })
}

fn no_pem(what: &'static str, path: &Path) -> impl FnOnce(pem::Error) -> TlsError {
    let path = path.to_owned();
    move |reason| {
        // Not the error's own words: they have the line that is wrong, and that may be the key's.
        let reason = match reason {
            pem::Error::NoItemsFound => "there is none in it",
            _ => "it is damaged or cut off",
        };
        TlsError::NoPem { what, path, reason }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn write(folder: &Path, certificate: &str, key: &str) -> (PathBuf, PathBuf) {
        let paths = (folder.join("certificate.pem"), folder.join("key.pem"));
        fs::write(&paths.0, certificate).unwrap();
        fs::write(&paths.1, key).unwrap();
        paths
    }

    fn made() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(vec!["hand.example".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn files_that_cannot_be_served_are_named_in_a_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let ((certificate, key), (_, other)) = (made(), made());
        for (text, secret, says) in [
            ("", key.as_str(), "certificate.pem has no certificate as PEM"),
            (&certificate, "nonsense", "key.pem has no key as PEM"),
            (&certificate, &other, "cannot be served"),
            (&certificate[..200], &key, "certificate.pem has no certificate as PEM"),
        ] {
            let (certificate, key) = write(folder.path(), text, secret);
            let said = Tls::of(&certificate, &key).err().unwrap().to_string();
            assert!(said.contains(says) && !said.contains('\n'), "{said}");
        }
        let said = Tls::of(Path::new("/nowhere/c.pem"), Path::new("k.pem")).err().unwrap().to_string();
        assert!(said.contains("cannot read the certificate /nowhere/c.pem"), "{said}");
    }

    #[test]
    fn a_renewed_certificate_is_served_once_both_files_fit() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = made();
        let (path, key_path) = write(folder.path(), &certificate, &key);
        let mut tls = Tls::of(&path, &key_path).unwrap();
        let first = tls.served.borrow().clone();
        tls.refresh();
        assert!(Arc::ptr_eq(&first, &tls.served.borrow()));
        let (certificate, key) = made();
        fs::write(&path, certificate).unwrap();
        tls.refresh();
        assert!(Arc::ptr_eq(&first, &tls.served.borrow()), "the old one goes on meanwhile");
        fs::write(&key_path, key).unwrap();
        tls.refresh();
        assert!(!Arc::ptr_eq(&first, &tls.served.borrow()));
    }
}
