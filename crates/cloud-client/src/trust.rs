//! Whom this machine believes: the system's authorities and those of the named file, and a certificate of that file when
//! the server shows that very one.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use rustls_platform_verifier::Verifier;

/// Checks the certificates of servers.
pub(crate) struct Trust {
    usual: Verifier,
    named: Vec<CertificateDer<'static>>,
}

impl Trust {
    /// The system's authorities and the named ones.
    pub(crate) fn new(
        named: Vec<CertificateDer<'static>>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, Error> {
        let usual = Verifier::new_with_extra_roots(named.iter().cloned(), provider)?;
        Ok(Self { usual, named })
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust").finish_non_exhaustive()
    }
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let checked = self
            .usual
            .verify_server_cert(shown, intermediates, name, ocsp_response, now);
        match checked {
            // What `openssl req -x509` makes: an authority's certificate that a server shows as its own. It was found valid
            // at this time before this fault was; whoever holds its key could sign any other certificate as well.
            Err(Error::InvalidCertificate(cause))
                if is_authoritys_own(&cause) && self.named.iter().any(|named| named == shown) =>
            {
                verify_server_name(&ParsedCertificate::try_from(shown)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            checked => checked,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

/// Whether the fault is that the certificate is an authority's own.
pub(crate) fn is_authoritys_own(cause: &CertificateError) -> bool {
    matches!(cause, CertificateError::Other(cause) if cause.to_string().contains("CaUsedAsEndEntity"))
}
