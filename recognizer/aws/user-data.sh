#!/bin/sh
# Installs the application tier at an instance's first boot: `instance.user_data` in handwave's config.toml.
# In:  the settings below, to be filled in; Amazon Linux 2023 or another system with systemd and the AWS CLI; an
#      instance profile with worker-policy.json; in the bucket PACKAGES, the archive that README.md says how to make.
# Out: the service `recognizer`, which starts at each boot. An instance that handwave has tagged handwave:retiring
#      takes no more pictures, finishes those that it has, and powers itself off.
set -eu

REGION=
PACKAGES=
INPUT=
OUTPUT=
REQUESTS=recognizer-requests
RESPONSES=recognizer-responses

for word in REGION PACKAGES INPUT OUTPUT; do
    eval "[ -n \"\$$word\" ]" || { echo "user-data.sh: $word is empty; fill it in" >&2; exit 1; }
done

mkdir -p /opt/recognizer
aws s3 cp --region "$REGION" "s3://$PACKAGES/recognizer.tar.gz" - | tar -xz --no-same-owner -C /opt/recognizer

cat >/etc/recognizer.conf <<CONF
AWS_REGION=$REGION
RECOGNIZER_REQUESTS=$REQUESTS
RECOGNIZER_RESPONSES=$RESPONSES
RECOGNIZER_INPUT=$INPUT
RECOGNIZER_OUTPUT=$OUTPUT
CONF

# The worker has no rights, so it leaves a note in its own folder; what comes after it has the right to power off.
cat >/etc/systemd/system/recognizer.service <<'UNIT'
[Unit]
Description=Image recognition, application tier
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
EnvironmentFile=/etc/recognizer.conf
ExecStart=/opt/recognizer/bin/recognizer work --power-off "touch /run/recognizer/retired"
ExecStopPost=+/bin/sh -c 'if [ -e /run/recognizer/retired ]; then systemctl --no-block poweroff; fi'
RuntimeDirectory=recognizer
Restart=on-failure
RestartSec=5
# At SIGTERM it finishes what it has: a question for messages of 20 s at most, and a picture.
TimeoutStopSec=90
DynamicUser=yes
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
ProtectHome=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
MemoryMax=80%

[Install]
WantedBy=multi-user.target
UNIT

systemctl daemon-reload
systemctl enable --now recognizer
