"""Validates documents with third-party libraries.

    validate.py KIND FILE [PUBLIC_KEY]

Ends with 0 and prints nothing if the library accepts the document, otherwise with 1 and its complaint.
"""

import json
import sys
from pathlib import Path


def check_cyclonedx(file: Path) -> None:
    from cyclonedx.model.bom import Bom
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(file.read_text())
    if error is not None:
        raise ValueError(error)
    bom = Bom.from_json(data=json.loads(file.read_text()))
    bom.validate()
    if not bom.components:
        raise ValueError("no components were read")


def check_spdx(file: Path) -> None:
    from spdx_tools.spdx.parser.json.json_parser import parse_from_file
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

    document = parse_from_file(str(file))
    problems = validate_full_spdx_document(document)
    if problems:
        raise ValueError("\n".join(f"{each.validation_message} ({each.context})" for each in problems))
    if not document.packages:
        raise ValueError("no packages were read")


def check_provenance(file: Path) -> None:
    check_statement(file.read_text())


def check_statement(text: str) -> None:
    from google.protobuf import json_format
    from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
    from in_toto_attestation.v1 import statement_pb2
    from in_toto_attestation.v1.statement import Statement

    # Both refuse fields that are not in their schema.
    statement = json_format.Parse(text, statement_pb2.Statement())
    Statement.copy_from_pb(statement).validate()
    predicate = json.loads(text)["predicate"]
    provenance = json_format.ParseDict(predicate, provenance_pb2.Provenance())
    if not provenance.build_definition.resolved_dependencies:
        raise ValueError("no materials were read")


def check_envelope(file: Path, public_key: Path) -> None:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import SSlibKey

    content = json.loads(file.read_text())
    key_id = content["signatures"][0]["keyid"]
    key = SSlibKey.from_crypto(load_pem_public_key(public_key.read_bytes()), keyid=key_id)
    envelope = Envelope.from_dict(content)
    if not envelope.verify([key], 1):
        raise ValueError("the signature was not accepted")
    check_statement(envelope.payload.decode())


def check_openvex(file: Path) -> None:
    import vexipy

    document = vexipy.Document.from_json(file.read_text())
    if not document.statements:
        raise ValueError("no statements were read")


CHECKS = {
    "cyclonedx": check_cyclonedx,
    "spdx": check_spdx,
    "provenance": check_provenance,
    "envelope": check_envelope,
    "openvex": check_openvex,
}


def main(kind: str, *files: str) -> int:
    try:
        CHECKS[kind](*map(Path, files))
    except Exception as error:  # noqa: BLE001 - each library has its own errors
        print(f"{type(error).__name__}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
