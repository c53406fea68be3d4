"""Configuration files come out whole, and as what their readers take."""

import json
import tomllib
from pathlib import Path

import yaml

from testbed import addons
from testbed.settings import Instance
from testbed.templates import fill

INSTANCE = Instance("one", 0, Path("/state/one"))


def test_containerd() -> None:
    text = fill("containerd.toml", pause_image="localhost/pause:1", cni_config="/state/one/config/cni")
    plugin = tomllib.loads(text)["plugins"]["io.containerd.grpc.v1.cri"]
    assert plugin["sandbox_image"] == "localhost/pause:1"
    assert plugin["netns_mounts_under_state_dir"] is True
    assert plugin["cni"]["conf_dir"] == "/state/one/config/cni"


def test_cni() -> None:
    text = fill("cni.conflist", bridge="pods0", mtu=1400, pod_range=INSTANCE.pod_range)
    bridge = json.loads(text)["plugins"][0]
    assert (bridge["bridge"], bridge["mtu"]) == ("pods0", 1400)
    assert bridge["ipam"]["ranges"] == [[{"subnet": "10.128.0.0/24"}]]


def test_kubelet() -> None:
    text = fill(
        "kubelet.yaml",
        cgroup="pintle-one",
        ca="/state/one/pki/ca.crt",
        dns_address="10.96.0.10",
        node_address="10.160.0.2",
    )
    kubelet = yaml.safe_load(text)
    assert kubelet["cgroupRoot"] == "/pintle-one"
    assert kubelet["clusterDNS"] == ["10.96.0.10"]
    assert kubelet["failCgroupV1"] is False


def test_dns_service_leads_to_the_process_on_the_host() -> None:
    objects = list(yaml.safe_load_all(addons.manifest(INSTANCE)))
    service = next(item for item in objects if item["kind"] == "Service")
    endpoints = next(item for item in objects if item["kind"] == "EndpointSlice")
    assert service["spec"]["clusterIP"] == "10.96.0.10"
    assert endpoints["endpoints"][0]["addresses"] == ["10.160.0.1"]
    names = {(port["name"], port["protocol"]) for port in service["spec"]["ports"]}
    assert {(port["name"], port["protocol"]) for port in endpoints["ports"]} == names
    assert {port["port"] for port in endpoints["ports"]} == {INSTANCE.ports.dns}


def test_ca_bundle_arrives_unchanged() -> None:
    bundle = '# "Größe"\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
    assert yaml.safe_load(addons.ca_manifest(bundle))["data"]["ca.crt"] == bundle
