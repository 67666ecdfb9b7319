//! What stands between this machine and the cloud, read from the errors of the layers below.

use std::error::Error;
use std::io;

use rustls::CertificateError;

use crate::error::chain;
use crate::trust::is_authoritys_own;

/// What keeps a call from an answer of the cloud's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// The name is not found.
    Name,
    /// Nothing answers at the address, or the connection broke.
    Connection,
    /// The proxy cannot be reached, or does not let the call through.
    Proxy,
    /// The proxy wants a name and a password, or others.
    ProxyLogin,
    /// The certificate is signed by an authority that this machine does not know.
    Authority,
    /// The certificate is not valid at this time.
    CertificateTime,
    /// The certificate is another host's.
    CertificateName,
    /// Another fault of the encrypted connection.
    Encryption,
}

impl Obstacle {
    /// Reads an error; `proxied` when a proxy is on the way.
    pub(crate) fn of(error: &(dyn Error + 'static), proxied: bool) -> Self {
        if let Some(cause) = find::<rustls::Error>(error) {
            return match cause {
                rustls::Error::InvalidCertificate(cause) => of_certificate(cause),
                _ => Self::Encryption,
            };
        }
        // The types of these errors are not public.
        let text = chain(error);
        if text.contains("proxy authorization required")
            || ["credentials not accepted", "user/pass authentication"]
                .iter()
                .any(|words| text.contains(words))
        {
            Self::ProxyLogin
        } else if proxied {
            Self::Proxy
        } else if text.contains("dns error") {
            Self::Name
        } else {
            Self::Connection
        }
    }

    /// What it is in words, where the error's own are those of a library.
    pub(crate) fn words(self) -> Option<&'static str> {
        match self {
            Self::ProxyLogin => Some("the proxy asks for a name and a password, or rejects them"),
            Self::Authority => {
                Some("its certificate is signed by an authority that this machine does not know")
            }
            Self::CertificateTime => Some("its certificate is not valid at this machine's time"),
            Self::CertificateName => Some("its certificate is that of another host"),
            _ => None,
        }
    }

    /// What helps.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Name => {
                "check the address, the network and its name server; behind a proxy, set HTTPS_PROXY"
            }
            Self::Connection => {
                "check that the cloud runs and that no firewall is between; behind a proxy, set HTTPS_PROXY"
            }
            Self::Proxy => {
                "check HTTPS_PROXY, HTTP_PROXY or ALL_PROXY and whether the proxy lets the cloud through, or except the cloud with NO_PROXY"
            }
            Self::ProxyLogin => {
                "give the proxy as http://USER:PASSWORD@HOST:PORT in HTTPS_PROXY, HTTP_PROXY or ALL_PROXY"
            }
            Self::Authority => {
                "if the network's proxy or the cloud has an authority of its own, name the file of its certificate with `runt workstation config set ca_file FILE` or RUNT_CLOUD_CA_FILE"
            }
            Self::CertificateTime => {
                "check this machine's clock; if it is right, the cloud's certificate has to be renewed"
            }
            Self::CertificateName => "pair with the address that the certificate names",
            Self::Encryption => {
                "check whether the address speaks https, and whether a proxy breaks the connection open"
            }
        }
    }
}

fn of_certificate(cause: &CertificateError) -> Obstacle {
    match cause {
        // A bad signature: one of an authority of the same name and another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => Obstacle::Authority,
        // Self-signed, as an authority's own.
        cause if is_authoritys_own(cause) => Obstacle::Authority,
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => Obstacle::CertificateTime,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Obstacle::CertificateName
        }
        _ => Obstacle::Encryption,
    }
}

/// The first error of a type in the chain, also inside I/O errors, which hide what they carry.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        let carried = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = match carried {
            Some(carried) => Some(carried),
            None => error.source(),
        };
    }
    None
}
