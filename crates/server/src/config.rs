//! What the server was told on its command line, checked, with the addresses that follow from it.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::origin::Origin;

/// The arguments of `notebook-cloud serve` as given.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Address and port to listen on; port 0 lets the system choose.
    pub listen: String,
    /// The folder that holds everything the server keeps.
    pub data: PathBuf,
    /// Accept the development identity (CP 1.7); loopback only.
    pub dev_identity: bool,
    /// The address people reach the server at, when it is not the listening address.
    pub public_url: Option<String>,
    /// The origin that output frames are served from.
    pub output_origin: Option<String>,
}

/// What is wrong with the arguments.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The listening address cannot be understood.
    #[error(
        "cannot listen on `{0}`: not an address and port\nHint: use ADDR:PORT, for example 127.0.0.1:8080"
    )]
    Listen(String),
    /// The development identity away from loopback.
    #[error(
        "--dev-identity lets anybody be anybody, and {0} can be reached from other machines\nHint: listen on 127.0.0.1, or leave --dev-identity out and use `notebook-cloud sign-in-link`"
    )]
    DevIdentityNotLoopback(SocketAddr),
    /// `--public-url` is not a web address.
    #[error(
        "--public-url `{0}` is not an http or https address\nHint: use a form like https://notebooks.example.org"
    )]
    PublicUrl(String),
    /// `--output-origin` is not an origin.
    #[error(
        "--output-origin `{0}` is not an http or https origin\nHint: use a form like https://outputs.example.org"
    )]
    OutputOrigin(String),
    /// Pages and outputs on one host.
    #[error(
        "outputs must live on another host than the page, and both are on {0}\nHint: give --output-origin another host name that reaches this server"
    )]
    OutputHost(String),
}

/// The checked settings of a running server.
#[derive(Debug, Clone)]
pub struct Config {
    /// The bound address.
    pub bound: SocketAddr,
    /// The data folder.
    pub data: PathBuf,
    /// Whether the development identity is accepted.
    pub dev_identity: bool,
    /// The origin people use.
    pub public: Origin,
    /// The origin of output frames; none means rich outputs cannot be shown safely.
    pub output: Option<Origin>,
}

impl Config {
    /// Checks the options against the address that was really bound.
    pub fn new(options: &ServeOptions, bound: SocketAddr) -> Result<Self, ConfigError> {
        let loopback = bound.ip().is_loopback();
        if options.dev_identity && !loopback {
            return Err(ConfigError::DevIdentityNotLoopback(bound));
        }
        let public = match &options.public_url {
            Some(text) => {
                Origin::parse(text).ok_or_else(|| ConfigError::PublicUrl(text.clone()))?
            }
            None => Origin::from_authority("http", &bound.to_string())
                .ok_or_else(|| ConfigError::Listen(options.listen.clone()))?,
        };
        let output = match &options.output_origin {
            Some(text) => {
                Some(Origin::parse(text).ok_or_else(|| ConfigError::OutputOrigin(text.clone()))?)
            }
            None if public.is_loopback() && public.host() != "localhost" => {
                Origin::from_authority("http", &format!("localhost:{}", bound.port()))
            }
            None => None,
        };
        if let Some(output) = &output
            && output.host() == public.host()
        {
            return Err(ConfigError::OutputHost(public.host().to_owned()));
        }
        Ok(Self {
            bound,
            data: options.data.clone(),
            dev_identity: options.dev_identity,
            public,
            output,
        })
    }
}

#[cfg(test)]
mod tests;
