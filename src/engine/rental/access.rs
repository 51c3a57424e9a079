//! What runs on a rental and how it is reached.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::config::{Config, Exposure};
use crate::domain::{Workload, WorkloadModel};
use crate::engine::rental::direct_gateway::{DirectGateway, public_port};
use crate::mlnode::environment::container_env;
use crate::network_node::CallbackWay;
use crate::ports::TunnelSpec;
use crate::ssh::quoted;

pub(crate) struct RentalAccess {
    pub(crate) workload: Workload,
    pub(crate) model: WorkloadModel,
    pub(crate) tunnel: TunnelSpec,
    /// Only in direct mode.
    pub(crate) gateway: Option<DirectGateway>,
    /// `None` for what sends no proofs.
    pub(crate) callback: Option<CallbackWay>,
}

/// What a rental is ordered with.
pub(crate) struct ContainerSpec {
    pub(crate) image: String,
    pub(crate) template_hash: Option<String>,
    /// SSH instances do not run the image's own command.
    pub(crate) command: String,
    /// Ports mapped to the outside.
    pub(crate) ports: Vec<u16>,
    /// The model whose official environment the container gets; none for vLLM alone.
    pub(crate) official_env_of: Option<String>,
}

impl ContainerSpec {
    /// The environment of the official deployment on these GPUs; the operator's own overrides it.
    pub(crate) fn env(&self, gpu_name: &str) -> BTreeMap<String, String> {
        let model = self.official_env_of.as_deref();
        model.map_or_else(BTreeMap::new, |model| container_env(model, gpu_name))
    }
}

pub(crate) fn container_spec(config: &Config, workload: Workload) -> ContainerSpec {
    match workload {
        Workload::MlNode => ContainerSpec {
            image: config.vast.image.clone(),
            template_hash: config.vast.template_hash.clone(),
            command: config.mlnode.command.clone(),
            ports: public_ports(config),
            official_env_of: Some(config.mlnode.model.id.clone()),
        },
        Workload::Vllm => ContainerSpec {
            image: config.vllm.image.clone(),
            template_hash: None,
            command: serve_command(config),
            ports: Vec::new(),
            official_env_of: None,
        },
    }
}

pub(crate) fn rental_access(config: &Config, workload: Workload) -> RentalAccess {
    match workload {
        Workload::MlNode => RentalAccess {
            workload,
            model: config.mlnode.model.clone(),
            tunnel: tunnel_spec(config),
            gateway: DirectGateway::of(config),
            callback: Some(callback_way(config)),
        },
        Workload::Vllm => RentalAccess {
            workload,
            model: config.mlnode.model.clone(),
            tunnel: vllm_tunnel(config),
            gateway: None,
            callback: None,
        },
    }
}

/// vLLM listens on the rental's loopback only: nothing of it is public (law 12).
fn serve_command(config: &Config) -> String {
    let model = &config.vllm.model;
    let mut words = vec!["exec vllm serve".to_owned(), quoted(&model.id)];
    if let Some(revision) = &model.revision {
        words.extend(["--revision".to_owned(), quoted(revision)]);
    }
    words.extend(model.args.iter().map(|argument| quoted(argument)));
    words.push(format!("--host 127.0.0.1 --port {}", config.vllm.port));
    words.join(" ")
}

/// vLLM has one port for everything. Polling has a local end of its own, so that the one for requests can
/// be any.
fn vllm_tunnel(config: &Config) -> TunnelSpec {
    TunnelSpec {
        api_listen: free_port(),
        inference_listen: config.vllm.listen,
        api_port: config.vllm.port,
        inference_port: config.vllm.port,
    }
}

fn callback_way(config: &Config) -> CallbackWay {
    let target = config.network_node.exposure.callback_target();
    target.map_or(CallbackWay::Direct, |target| CallbackWay::Tunnel {
        target: target.to_owned(),
    })
}

fn free_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Beside SSH only the gateway's ports, and these in direct mode only (law 12).
fn public_ports(config: &Config) -> Vec<u16> {
    match config.network_node.exposure {
        Exposure::Tunnel { .. } => Vec::new(),
        Exposure::Direct => {
            let ports = [config.mlnode.api_port, config.mlnode.inference_port];
            ports.map(public_port).to_vec()
        }
    }
}

pub(crate) fn tunnel_spec(config: &Config) -> TunnelSpec {
    let (api_port, inference_port) = (config.mlnode.api_port, config.mlnode.inference_port);
    match &config.network_node.exposure {
        Exposure::Tunnel {
            api_listen,
            inference_listen,
            ..
        } => TunnelSpec {
            api_listen: *api_listen,
            inference_listen: *inference_listen,
            api_port,
            inference_port,
        },
        Exposure::Direct => TunnelSpec {
            api_listen: free_port(),
            inference_listen: free_port(),
            api_port,
            inference_port,
        },
    }
}
