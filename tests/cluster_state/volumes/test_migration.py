"""Old kinds of volumes in the words of the CSI drivers that serve them now."""

import pytest

from scheduler.cluster.volumes.migration import Untranslatable, translated, translated_affinity
from tests.storage_builders import a_volume

GCE = {"gcePersistentDisk": {"pdName": "disk"}}
EBS = {"awsElasticBlockStore": {"volumeID": "vol-1"}}
CINDER = {"cinder": {"volumeID": "c"}}
AZURE = {"azureDisk": {"diskURI": "/disks/a", "kind": "Managed"}}
PORTWORX = {"portworxVolume": {"volumeID": "p"}}
ZONE, REGION = "topology.kubernetes.io/zone", "topology.kubernetes.io/region"
BETA_ZONE, BETA_REGION = "failure-domain.beta.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/region"

# source, labels, driver, handle
HANDLES = [
    (GCE, {}, "pd.csi.storage.gke.io", "projects/UNSPECIFIED/zones/UNSPECIFIED/disks/disk"),
    (GCE, {ZONE: "us-east1-b"}, "pd.csi.storage.gke.io", "projects/UNSPECIFIED/zones/us-east1-b/disks/disk"),
    (GCE, {ZONE: "x", BETA_ZONE: "old"}, "pd.csi.storage.gke.io", "projects/UNSPECIFIED/zones/old/disks/disk"),
    (
        GCE,
        {ZONE: "us-east1-b__us-east1-c"},
        "pd.csi.storage.gke.io",
        "projects/UNSPECIFIED/regions/us-east1/disks/disk",
    ),
    (EBS, {}, "ebs.csi.aws.com", "vol-1"),
    ({"awsElasticBlockStore": {"volumeID": "aws://eu-1a/vol-2"}}, {}, "ebs.csi.aws.com", "vol-2"),
    ({"awsElasticBlockStore": {"volumeID": "aws:///vol-3"}}, {}, "ebs.csi.aws.com", "vol-3"),
    (CINDER, {}, "cinder.csi.openstack.org", "c"),
    (AZURE, {}, "disk.csi.azure.com", "/disks/a"),
    (PORTWORX, {}, "pxd.portworx.com", "p"),
]


@pytest.mark.parametrize(("source", "labels", "driver", "handle"), HANDLES)
def test_a_driver_knows_the_volume_by_its_handle(source, labels, driver, handle):
    volume = a_volume(source=source, labels=labels)
    assert translated(volume.spec, labels) == (driver, handle)


@pytest.mark.parametrize("source", [{"azureFile": {}}, {"vsphereVolume": {}}, {"nfs": {}}])
def test_other_kinds_are_not_counted(source):
    assert translated(a_volume(source=source).spec, {}) is None


@pytest.mark.parametrize(
    ("source", "labels", "reason"),
    [
        (
            GCE,
            {ZONE: "a__b"},
            "failed to get region from zones: zone in unexpected format, expected: {locale}-{region}-{zone}, got: a",
        ),
        (
            GCE,
            {ZONE: "us-east1-b__us-west1-c"},
            (
                "failed to get region from zones: multiple or no regions gotten from zones,"
                " got: map[us-east1:{} us-west1:{}]"
            ),
        ),
        (
            {"awsElasticBlockStore": {"volumeID": "aws://eu-1a/disk"}},
            {},
            "failed to translate Kubernetes ID to EBS Volume ID Invalid format for AWS volume (aws://eu-1a/disk)",
        ),
        ({"azureDisk": {"diskURI": "a", "kind": "Shared"}}, {}, "kind(Shared) is not supported in csi migration"),
    ],
)
def test_what_no_driver_would_understand_is_a_fault_in_upstreams_words(source, labels, reason):
    with pytest.raises(Untranslatable) as fault:
        translated(a_volume(source=source).spec, labels)
    assert str(fault.value) == reason


def affinity(*requirements):
    terms = [{"matchExpressions": [{"key": k, "operator": "In", "values": v} for k, v in requirements]}]
    return {"nodeAffinity": {"required": {"nodeSelectorTerms": terms}}}


# source, labels, affinity, wanted (key, values) of its only term; None: reached from anywhere
REACHES = [
    (GCE, {}, {}, None),
    (GCE, {ZONE: "a-b-c"}, {}, [("topology.gke.io/zone", ["a-b-c"])]),
    (EBS, {ZONE: "b__a"}, {}, [("topology.ebs.csi.aws.com/zone", ["a", "b"])]),
    (EBS, {ZONE: "x"}, affinity((ZONE, ["a"])), [("topology.ebs.csi.aws.com/zone", ["a"])]),
    (
        EBS,
        {},
        affinity((BETA_ZONE, ["a"]), (BETA_REGION, ["r"])),
        [("topology.ebs.csi.aws.com/zone", ["a"]), (REGION, ["r"])],
    ),
    (EBS, {ZONE: "a"}, affinity(("disk", ["ssd"])), [("disk", ["ssd"]), ("topology.ebs.csi.aws.com/zone", ["a"])]),
    (CINDER, {BETA_ZONE: "a"}, {}, [("topology.cinder.csi.openstack.org/zone", ["a"])]),
    (AZURE, {ZONE: "a"}, affinity((ZONE, ["a"])), [(ZONE, ["a"])]),
]


@pytest.mark.parametrize(("source", "labels", "spec", "wanted"), REACHES)
def test_a_driver_tells_zones_by_labels_of_its_own(source, labels, spec, wanted):
    found = translated_affinity(a_volume(source=source, labels=labels, spec=spec))
    if wanted is None:
        assert found is None
        return
    (term,) = found.node_selector_terms
    assert [(e.key, e.values) for e in term.match_expressions] == wanted
