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
# The kubelet sets parameters of the whole machine's kernel, unless they have the values that it wants. Here it
# finds files that have them, and the machine stays as it is.
while read -r parameter value; do
    test -e "/proc/sys/$parameter" || continue
    mkdir -p "/run/kernel/$(dirname "$parameter")"
    echo "$value" >"/run/kernel/$parameter"
    mount --bind "/run/kernel/$parameter" "/proc/sys/$parameter"
done <<'END'
vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
END
# Volumes that the kubelet mounts have to show up in containers.
mount --make-rshared /
hostname "$4"
touch /run/prepared
