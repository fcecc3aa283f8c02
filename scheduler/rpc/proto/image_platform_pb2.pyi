from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ImageKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    IMAGE_KIND_UNSPECIFIED: _ClassVar[ImageKind]
    IMAGE_KIND_SINGLE: _ClassVar[ImageKind]
    IMAGE_KIND_INDEX: _ClassVar[ImageKind]
    IMAGE_KIND_ARTIFACT: _ClassVar[ImageKind]
    IMAGE_KIND_SCHEMA1: _ClassVar[ImageKind]

class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_UNSPECIFIED: _ClassVar[Outcome]
    OUTCOME_MATCH: _ClassVar[Outcome]
    OUTCOME_NO_MATCH: _ClassVar[Outcome]
    OUTCOME_UNKNOWN: _ClassVar[Outcome]
IMAGE_KIND_UNSPECIFIED: ImageKind
IMAGE_KIND_SINGLE: ImageKind
IMAGE_KIND_INDEX: ImageKind
IMAGE_KIND_ARTIFACT: ImageKind
IMAGE_KIND_SCHEMA1: ImageKind
OUTCOME_UNSPECIFIED: Outcome
OUTCOME_MATCH: Outcome
OUTCOME_NO_MATCH: Outcome
OUTCOME_UNKNOWN: Outcome

class Platform(_message.Message):
    __slots__ = ("os", "architecture", "variant", "os_version", "os_features")
    OS_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    OS_VERSION_FIELD_NUMBER: _ClassVar[int]
    OS_FEATURES_FIELD_NUMBER: _ClassVar[int]
    os: str
    architecture: str
    variant: str
    os_version: str
    os_features: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, os: _Optional[str] = ..., architecture: _Optional[str] = ..., variant: _Optional[str] = ..., os_version: _Optional[str] = ..., os_features: _Optional[_Iterable[str]] = ...) -> None: ...

class Failure(_message.Message):
    __slots__ = ("cause", "message")
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    cause: str
    message: str
    def __init__(self, cause: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class Image(_message.Message):
    __slots__ = ("name", "digest", "kind", "platforms", "failure")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    PLATFORMS_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    name: str
    digest: str
    kind: ImageKind
    platforms: _containers.RepeatedCompositeFieldContainer[Platform]
    failure: Failure
    def __init__(self, name: _Optional[str] = ..., digest: _Optional[str] = ..., kind: _Optional[_Union[ImageKind, str]] = ..., platforms: _Optional[_Iterable[_Union[Platform, _Mapping]]] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ...) -> None: ...

class ResolveRequest(_message.Message):
    __slots__ = ("images",)
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    images: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, images: _Optional[_Iterable[str]] = ...) -> None: ...

class ResolveResponse(_message.Message):
    __slots__ = ("images",)
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    images: _containers.RepeatedCompositeFieldContainer[Image]
    def __init__(self, images: _Optional[_Iterable[_Union[Image, _Mapping]]] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("name", "manifest", "platforms")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    PLATFORMS_FIELD_NUMBER: _ClassVar[int]
    name: PodName
    manifest: str
    platforms: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[_Union[PodName, _Mapping]] = ..., manifest: _Optional[str] = ..., platforms: _Optional[_Iterable[str]] = ...) -> None: ...

class PodName(_message.Message):
    __slots__ = ("namespace", "name")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    name: str
    def __init__(self, namespace: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("images", "verdicts")
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    VERDICTS_FIELD_NUMBER: _ClassVar[int]
    images: _containers.RepeatedCompositeFieldContainer[PodImage]
    verdicts: _containers.RepeatedCompositeFieldContainer[Verdict]
    def __init__(self, images: _Optional[_Iterable[_Union[PodImage, _Mapping]]] = ..., verdicts: _Optional[_Iterable[_Union[Verdict, _Mapping]]] = ...) -> None: ...

class PodImage(_message.Message):
    __slots__ = ("image", "source", "exempt")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    EXEMPT_FIELD_NUMBER: _ClassVar[int]
    image: Image
    source: str
    exempt: bool
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ..., source: _Optional[str] = ..., exempt: _Optional[bool] = ...) -> None: ...

class Verdict(_message.Message):
    __slots__ = ("platform", "outcome", "image", "cause", "reason", "nodes")
    PLATFORM_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    platform: str
    outcome: Outcome
    image: str
    cause: str
    reason: str
    nodes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, platform: _Optional[str] = ..., outcome: _Optional[_Union[Outcome, str]] = ..., image: _Optional[str] = ..., cause: _Optional[str] = ..., reason: _Optional[str] = ..., nodes: _Optional[_Iterable[str]] = ...) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ("images",)
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    images: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, images: _Optional[_Iterable[str]] = ...) -> None: ...

class WatchResponse(_message.Message):
    __slots__ = ("image",)
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    image: Image
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ...) -> None: ...
