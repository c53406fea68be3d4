"""What the images and manifests are made of, and whether scanners have anything against them.

sbom      what is in each image, as CycloneDX
scanners  hadolint, bandit, checkov, cfn-lint and kubeconform, which need no network once they are installed
schemas   our kinds as JSON Schema, as kubeconform takes them
"""
