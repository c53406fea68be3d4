# Run inside the node's namespaces, once, before anything else runs there. $1: folder for /var, $2: the resolver
# configuration, $3: the file that /etc/resolv.conf leads to, $4: the node's name.
set -e
# Everything that containerd, the kubelet and CNI keep at fixed paths comes to lie in the instance's folder, or
# ends with the node.
mount --bind "$1" /var
mount -t tmpfs -o mode=755 run /run
mkdir -p "$(dirname "$3")"
test -e "$3" || touch "$3"
mount --bind "$2" "$3"
# The kubelet sets kernel parameters for the whole machine, and this one is not ours.
for part in kernel vm; do
    mount --bind "/proc/sys/$part" "/proc/sys/$part"
    mount -o remount,bind,ro "/proc/sys/$part"
done
# Volumes that the kubelet mounts have to show up in containers.
mount --make-rshared /
hostname "$4"
touch /run/prepared
