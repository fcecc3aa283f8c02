"""What is built for the real tests: one recipe per binary, pinned by the Go module in `modules/<module>/`.

A module folder holds only `go.mod` and `go.sum`: its `tool` lines name the commands, its `require` lines pin every
dependency, and `go.sum` proves what was downloaded. The rows have a module each because their dependencies disagree.
To move one to another version: `go get -tool <command>@<version> && go mod tidy` in its folder; Kubernetes also needs
its `replace` lines moved, one for each staging module that its own `go.mod` replaces by a folder. Two are programs of
ours on the same release, whose modules hold their source too: the oracle, in `tests/oracle/program/`, and the
autoscaler that asks an expander, in `tests/rpc/program/`. Of the Prometheus operator only files are wanted: its custom
resources.

Nothing runs here; `binaries` builds, and `toolchain` finds the Go to build with.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from pathlib import Path

MODULES = Path(__file__).parent / "modules"

KUBERNETES_VERSION = "1.37.2"

# The API server answers /version from these; without them it calls itself v0.0.0-master.
_KUBERNETES_VARIABLES = (
    f"k8s.io/component-base/version.gitVersion=v{KUBERNETES_VERSION}",
    "k8s.io/component-base/version.gitMajor=1",
    "k8s.io/component-base/version.gitMinor=37",
    "k8s.io/component-base/version.gitTreeState=clean",
)

_KWOK_STAGES = (
    "kustomize/stage/node/fast/node-initialize.yaml",
    "kustomize/stage/node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
    "kustomize/stage/pod/fast/pod-ready.yaml",
    "kustomize/stage/pod/fast/pod-complete.yaml",
    "kustomize/stage/pod/fast/pod-delete.yaml",
)

_PROMETHEUS_RESOURCES = (
    "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
    "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How one binary is built."""

    name: str
    module: str
    """The folder under `modules/` whose `go.mod` pins it."""
    source: str
    """Module path that the version is read from, and that `files` are taken from."""
    package: str
    """Import path of the command, below `source`; empty when the module itself is the command."""
    seconds: int
    """How long a build takes on two cores when nothing is compiled yet; shown, never enforced."""
    variables: tuple[str, ...] = ()
    """`package.variable=value` settings for the linker."""
    files: tuple[str, ...] = ()
    """Files of the module's own source that belong beside the binary."""
    needed: bool = True
    """Whether the tests start it; the others are built when named."""

    @property
    def folder(self) -> Path:
        return MODULES / self.module

    @property
    def product(self) -> str:
        """The file that is there once it is built."""
        return self.name

    @property
    def command(self) -> str | None:
        """What is compiled, if anything is."""
        return f"{self.source}/{self.package}" if self.package else self.source

    @property
    def linker_flags(self) -> str:
        return " ".join(["-s", "-w", *(f"-X {setting}" for setting in self.variables)])

    @property
    def version(self) -> str:
        """The version of `source` that `go.mod` requires."""
        return self._go_mod(rf"^(?:require)?\s+{re.escape(self.source)} (\S+)", f"no requirement of {self.source}")

    @property
    def built_from(self) -> tuple[Path, ...]:
        """The files that decide what is built."""
        return self.folder / "go.mod", self.folder / "go.sum"

    @property
    def go_version(self) -> str:
        """The oldest Go that `go.mod` accepts."""
        return self._go_mod(r"^go (\S+)$", "no go line")

    @property
    def digest(self) -> str:
        """Names what a build produces: two recipes with the same digest build the same thing."""
        hasher = hashlib.sha256()
        for part in (
            repr(dataclasses.astuple(dataclasses.replace(self, seconds=0, needed=True))).encode(),
            *(path.read_bytes() for path in self.built_from),
        ):
            hasher.update(len(part).to_bytes(8, "big"))
            hasher.update(part)
        return hasher.hexdigest()

    def _go_mod(self, pattern: str, problem: str) -> str:
        found = re.search(pattern, (self.folder / "go.mod").read_text(), re.MULTILINE)
        if found is None:
            raise ValueError(f"{self.folder / 'go.mod'}: {problem}")
        return found.group(1)


@dataclasses.dataclass(frozen=True)
class ProgramRecipe(Recipe):
    """How a program of ours is built, whose source lies beside its `go.mod`; `module` is its folder below `tests/`."""

    @property
    def folder(self) -> Path:
        return Path(__file__).parents[1] / self.module

    @property
    def command(self) -> str:
        return "."

    @property
    def built_from(self) -> tuple[Path, ...]:
        return *super().built_from, *sorted(self.folder.glob("*.go"))


@dataclasses.dataclass(frozen=True)
class FilesRecipe(Recipe):
    """Files of a module's source, of which nothing is compiled; the first of them stands for all."""

    @property
    def product(self) -> str:
        return Path(self.files[0]).name

    @property
    def command(self) -> None:
        return None


RECIPES = (
    Recipe("etcd", "etcd", "go.etcd.io/etcd/server/v3", "", 31),
    Recipe(
        "kube-apiserver", "kubernetes", "k8s.io/kubernetes", "cmd/kube-apiserver", 267, variables=_KUBERNETES_VARIABLES
    ),
    Recipe(
        "kube-scheduler", "kubernetes", "k8s.io/kubernetes", "cmd/kube-scheduler", 48, variables=_KUBERNETES_VARIABLES
    ),
    Recipe(
        "kube-controller-manager",
        "kubernetes",
        "k8s.io/kubernetes",
        "cmd/kube-controller-manager",
        70,
        variables=_KUBERNETES_VARIABLES,
    ),
    Recipe("kubectl", "kubernetes", "k8s.io/kubernetes", "cmd/kubectl", 30, variables=_KUBERNETES_VARIABLES),
    ProgramRecipe("oracle", "oracle/program", "k8s.io/kubernetes", "", 160),
    ProgramRecipe("autoscaler", "rpc/program", "k8s.io/api", "", 60),
    Recipe("kwok", "kwok", "sigs.k8s.io/kwok", "cmd/kwok", 70, files=_KWOK_STAGES),
    Recipe("registry", "registry", "github.com/distribution/distribution/v3", "cmd/registry", 53),
    Recipe("regctl", "regctl", "github.com/regclient/regclient", "cmd/regctl", 4),
    Recipe("helm", "helm", "helm.sh/helm/v4", "cmd/helm", 100),
    Recipe("promtool", "promtool", "github.com/prometheus/prometheus", "cmd/promtool", 186),
    Recipe("kubeconform", "kubeconform", "github.com/yannh/kubeconform", "cmd/kubeconform", 2),
    FilesRecipe(
        "prometheus-operator",
        "prometheus-operator",
        "github.com/prometheus-operator/prometheus-operator",
        "",
        1,
        files=_PROMETHEUS_RESOURCES,
    ),
)


def recipe(name: str) -> Recipe:
    """The recipe called `name`; LookupError names the ones there are."""
    for candidate in RECIPES:
        if candidate.name == name:
            return candidate
    raise LookupError(f"no binary is called {name!r}; there are {', '.join(each.name for each in RECIPES)}")
