// Package container builds the image of the Dockerfile and runs it, with buildah and without a registry.
package container
