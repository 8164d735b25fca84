//! Whose certificates are trusted. In: AWS_CA_BUNDLE, or the profile's ca_bundle, as AWS's own tools read them. Out: a
//! trust store with the system's certificates and those of the bundle, each known to be readable: the HTTP client
//! panics at one that is not.

use std::path::{Path, PathBuf};

use aws_smithy_http_client::tls::TrustStore;
use aws_smithy_types::base64;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// The variable that names a bundle before the profile does.
pub const VARIABLE: &str = "AWS_CA_BUNDLE";

/// Why a bundle is not taken. `named` is what names it.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    #[error(
        "cannot read {}, which {named} names: {reason}; name a file of certificates (PEM), or unset it",
        path.display()
    )]
    Unreadable { named: &'static str, path: PathBuf, reason: std::io::Error },
    #[error("{}, which {named} names, is no file of certificates: {reason}; name one (PEM), or unset it", path.display())]
    Broken { named: &'static str, path: PathBuf, reason: String },
}

/// The system's certificates, and those of the bundle if there is one. AWS CLI trusts the bundle's alone; here a bundle
/// that holds a proxy's certificate and no more still lets those calls through that go past the proxy, and who names a
/// bundle trusts its machine's certificates anyway.
pub fn store(variable: Option<String>, profile: Option<&str>) -> Result<TrustStore, BundleError> {
    let (named, path) = match (variable.filter(|path| !path.is_empty()), profile.filter(|path| !path.is_empty())) {
        (Some(path), _) => (VARIABLE, PathBuf::from(path)),
        (None, Some(path)) => ("the profile's ca_bundle", PathBuf::from(path)),
        (None, None) => return Ok(TrustStore::default()),
    };
    let certificates = certificates(named, &path)?;
    Ok(certificates.iter().fold(TrustStore::default(), |store, der| store.with_pem_certificate(pem(der))))
}

/// The certificates of a bundle that can be used: large ones hold some that no library of today takes.
fn certificates(named: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, BundleError> {
    let bytes = std::fs::read(path).map_err(|reason| BundleError::Unreadable { named, path: path.into(), reason })?;
    let broken = |reason: String| BundleError::Broken { named, path: path.into(), reason };
    let found = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    let mut found = found.map_err(|error| broken(error.to_string()))?;
    found.retain(|der| RootCertStore::empty().add(der.clone()).is_ok());
    if found.is_empty() { Err(broken("it holds none that can be used".to_owned())) } else { Ok(found) }
}

fn pem(der: &CertificateDer) -> Vec<u8> {
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", base64::encode(der)).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_that_is_none_is_told_with_what_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let told = |path: String| store(Some(path), None).unwrap_err().to_string();
        let gone = told("/nowhere/ca.pem".into());
        assert!(gone.starts_with("cannot read /nowhere/ca.pem, which AWS_CA_BUNDLE names: No such file"), "{gone}");
        // No certificate, PEM that is cut off, PEM around what is no certificate.
        for text in [
            "",
            "# nothing\n",
            "-----BEGIN CERTIFICATE-----\nAAAA\n",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            let said = told(file("ca.pem", text));
            assert!(said.contains("ca.pem, which AWS_CA_BUNDLE names, is no file of certificates: "), "{said}");
        }
        let profile = store(Some(String::new()), Some("/nowhere/ca.pem")).unwrap_err().to_string();
        assert!(profile.contains("which the profile's ca_bundle names"), "{profile}");
        assert!(store(None, None).is_ok() && store(Some(String::new()), Some("")).is_ok());
    }
}
